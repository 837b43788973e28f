import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import type { TestBench } from "./server.js";

/** A real browser for tests of the console: Debian's chromium. */

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
export const hasBrowser = existsSync(CHROMIUM);

export class ConsoleBrowser {
  /** What a page should never do: throw, ask elsewhere, break its own policy. */
  readonly faults: string[] = [];
  private readonly contexts: BrowserContext[] = [];

  private constructor(
    private readonly browser: Browser,
    private readonly bench: TestBench,
  ) {}

  static async launch(bench: TestBench): Promise<ConsoleBrowser> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    return new ConsoleBrowser(browser, bench);
  }

  get adminToken(): string {
    return readFileSync(join(this.bench.folder, "admin.token"), "utf8").trim();
  }

  /** A page of somebody who has nothing to do with the others. */
  async open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => this.faults.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy|CSP/.test(message.text())) this.faults.push(message.text());
    });
    page.on("request", (request) => {
      const url = request.url();
      if (new URL(url).origin !== this.bench.server.url && !url.startsWith("data:")) {
        this.faults.push(`asks elsewhere: ${url}`);
      }
    });
    await page.goto(this.bench.server.url);
    return page;
  }

  async signIn(token: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.open(options);
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    return page;
  }

  async close(): Promise<void> {
    for (const context of this.contexts) await context.close();
    await this.browser.close();
  }
}

/** Goes to an address of the page and waits for its heading. */
export async function visit(page: Page, address: string, heading: string | RegExp): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(address)}`);
  await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
}

/** Pictures for the documentation are made anew with MOTE_SCREENSHOTS=docs/console. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["MOTE_SCREENSHOTS"];
  if (folder === undefined) return;
  await page.evaluate("document.activeElement?.blur()");
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
