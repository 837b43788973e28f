import { DEFAULT_GATES } from "@mote/protocol";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConsoleBrowser, hasBrowser, picture, visit } from "../testing/consoleBrowser.js";
import type { TestDevice } from "../testing/device.js";
import { furnish, type Gallery, plan, state, take, windows } from "../testing/gallery.js";
import { eventually, TestBench } from "../testing/server.js";

/** Every page of the console as somebody meets it: by mouse, by keyboard, on a phone, in the dark. */

const PHONE = { width: 390, height: 844 };
/** Between phases of a rollout, so that their telemetry lies in buckets of its own. */
const LATER_MS = 5 * 60_000;

describe.skipIf(!hasBrowser)("the console (needs chromium)", () => {
  let bench: TestBench;
  let gallery: Gallery;
  let browser: ConsoleBrowser;
  let admin: Page;
  let worse: string;
  let shadow: string;

  beforeAll(async () => {
    bench = await TestBench.start();
    gallery = await furnish(bench);
    const { devices } = gallery;
    await bench.operator.declareConsumer("ward-board", {
      product: "digits",
      contact: "ward-board@example.org",
      purpose: "The board in the nurses' room",
      reads: ["labels"],
      labels: ["lying", "sitting"],
    });
    shadow = await shadowed(bench, devices);
    await better(bench, devices);
    worse = await muchWorse(bench, devices);
    browser = await ConsoleBrowser.launch(bench);
    admin = await browser.signIn(browser.adminToken);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all((gallery?.devices ?? []).map((device) => device.disconnect()));
    await bench.close();
  });

  const pages = (): [address: string, heading: string | RegExp][] => [
    ["/", "Overview"],
    ["/rollouts", "Rollouts"],
    [`/rollouts/${worse}`, "digits 3.0.0"],
    [`/rollouts/${worse}/devices`, "Devices of the rollout"],
    [`/rollouts/${shadow}`, "digits 2.0.0"],
    ["/new-rollout", "New rollout"],
    [`/new-rollout?like=${shadow}`, "New rollout"],
    ["/approvals", "Approvals"],
    ["/devices", "Devices"],
    ["/devices/cam-01", "cam-01"],
    ["/releases", "Releases"],
    ["/releases/digits/3.0.0", "digits 3.0.0"],
    ["/compare/digits/1.0.0/4.0.0", "digits: compare"],
    ["/consumers", "Consumers"],
    ["/trust", "Trust"],
    ["/people", "People and tokens"],
    ["/audit", "Audit"],
    ["/nowhere", "There is no such page"],
  ];

  test("asks for a token first, says when one is wrong, and then opens the page that was asked for", async () => {
    const page = await browser.open();
    await page.goto(`${bench.server.url}/#/devices/cam-02`);
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("unknown or revoked").waitFor();
    await page.getByLabel("Token").fill(browser.adminToken);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "cam-02", level: 1 }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  test("says at once what waits for a person, what to do, and where", async () => {
    await visit(admin, "/", "Overview");
    const alert = admin.getByRole("listitem").filter({ hasText: "digits 3.0.0 is held" });
    await alert.getByText("take it back", { exact: false }).waitFor();
    await admin.getByText("digits 4.0.0 is uploaded and signed by nobody").waitFor();
    await picture(admin, "overview");
    await alert.getByRole("link").click();
    await admin.getByRole("heading", { name: "digits 3.0.0", level: 1 }).waitFor();
  });

  test("shows why a gate stopped a wave: the whole bar beyond zero, and the measurement beyond the margin", async () => {
    await visit(admin, `/rollouts/${worse}`, "digits 3.0.0");
    const gates = admin.getByRole("region", { name: "Gates of wave “canary”" });
    await gates.getByText("surely worse").first().waitFor();
    await gates
      .getByRole("img", { name: /^Look 1: measured \+\d.*margin .*: worse$/ })
      .first()
      .waitFor();
    await picture(admin, "rollout-held");
  });

  test("draws every look of a rollout that went well", async () => {
    await admin.goto(`${bench.server.url}/#/rollouts`);
    // The newest first: the one before it was a shadow.
    await admin.getByRole("link", { name: "digits 2.0.0" }).first().click();
    const gates = admin.getByRole("region", { name: "Gates of wave “canary”" });
    await gates
      .getByRole("img", { name: /^Look 1: .*: fine$/ })
      .first()
      .waitFor();
    await gates.getByText("surely not worse than allowed").first().waitFor();
  });

  test("tells a device's life: enrolled, told, confirmed, and what it measured under which release", async () => {
    const { id } = gallery.devices.find((device) => device.sequence === 3)!;
    await visit(admin, `/devices/${id}`, id);
    const life = admin.getByRole("region", { name: "Its life" });
    for (const text of ["enrolled", "was told of 1.0.0", "confirmed 2.0.0", "confirmed 3.0.0"]) {
      await life.getByText(text).waitFor();
    }
    await admin.getByRole("img", { name: /^Confidence: .*release changed to 2\.0\.0, 3\.0\.0/ }).waitFor();
    await picture(admin, "device");
  });

  test("shows what a release was made from and what came of it", async () => {
    await visit(admin, "/releases/digits/3.0.0", "digits 3.0.0");
    const lineage = admin.getByRole("region", { name: "Where it comes from" });
    await lineage.getByText("made from 2.0.0").waitFor();
    await lineage.getByText("(the same as 3.0.0)").waitFor();
    await lineage.getByRole("link", { name: worse }).waitFor();
    await picture(admin, "release");
  });

  test("compares two releases and names who reads what changes", async () => {
    await visit(admin, "/compare/digits/1.0.0/4.0.0", "digits: compare");
    await admin.getByText("Tell ward-board@example.org first").waitFor();
    await admin.getByText('the classes "lying", "sitting" are gone').waitFor();
    await admin.getByText("+2.40 points better").waitFor();
    await picture(admin, "compare");
    await admin.getByRole("button", { name: "Swap" }).click();
    await admin.getByText("−2.40 points worse").waitFor();
  });

  test("finds devices by what is asked, and keeps the question in the address", async () => {
    await visit(admin, "/devices", "Devices");
    await admin.getByLabel("Id begins with").fill("cam-1");
    await admin.keyboard.press("Enter");
    await admin.getByRole("status").filter({ hasText: "10 devices" }).waitFor();
    expect(admin.url()).toContain("#/devices?prefix=cam-1");
    await admin.getByRole("combobox", { name: "Product" }).selectOption("digits");
    await admin.getByRole("combobox", { name: "Runs" }).selectOption("3.0.0");
    await admin.waitForURL(/sequence=3/);
    await admin.goBack();
    await admin.goBack();
    await admin.getByRole("status").filter({ hasText: "10 devices" }).waitFor();
  });

  test("promotes a shadow: the form comes with its devices and waves, and with gates that have a control group", async () => {
    await visit(admin, `/rollouts/${shadow}`, "digits 2.0.0");
    await admin.getByRole("link", { name: "Promote…" }).click();
    await admin.getByRole("heading", { name: "New rollout" }).waitFor();
    expect(await admin.getByRole("radio", { name: /^Install it wave by wave/ }).isChecked()).toBe(true);
    await admin.getByText("They run now, any of").waitFor();
    expect(await admin.getByRole("combobox", { name: "Their last update" }).inputValue()).toBe("false");
    expect(await admin.getByLabel("Agreement with the release").count()).toBe(0);
    await visit(admin, `/rollouts/${shadow}`, "digits 2.0.0");
  });

  test("shows what changes without a reload", async () => {
    await visit(admin, "/devices/cam-05", "cam-05");
    await admin.getByText("connected", { exact: true }).waitFor();
    await gallery.devices[4]!.disconnect();
    await admin.getByText("not connected", { exact: true }).waitFor();
    await gallery.devices[4]!.connect();
    await admin.getByText("connected", { exact: true }).waitFor();
  });

  test.each([
    "light",
    "dark",
  ] as const)("has no fault that axe finds on any page, %s", async (colorScheme) => {
    const page = await browser.signIn(browser.adminToken, { colorScheme, reducedMotion: "reduce" });
    const found: string[] = [];
    for (const [address, heading] of pages()) {
      await visit(page, address, heading);
      await settled(page);
      // By evaluation: the page's policy lets no script in, and that is as it should be.
      await page.evaluate(axe.source);
      const { violations } = (await page.evaluate(
        'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })',
      )) as axe.AxeResults;
      for (const { id, nodes } of violations) {
        found.push(`${address} ${id}: ${nodes.map((node) => node.html).join(" | ")}`);
      }
    }
    expect(found).toEqual([]);
  }, 120_000);

  test("fits a phone on every page without scrolling sideways", async () => {
    const page = await browser.signIn(browser.adminToken, {
      viewport: PHONE,
      hasTouch: true,
      colorScheme: "dark",
    });
    for (const [address, heading] of pages()) {
      await visit(page, address, heading);
      await settled(page);
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect(overflow, address).toBeLessThanOrEqual(0);
    }
    await visit(page, `/rollouts/${worse}`, "digits 3.0.0");
    await settled(page);
    await picture(page, "phone-rollout");
  }, 120_000);

  test("shows a viewer everything and offers nothing that takes more", async () => {
    const viewer = await browser.signIn(await bench.addPerson("eve", "viewer"));
    await visit(viewer, `/rollouts/${worse}`, "digits 3.0.0");
    await viewer.getByText("you are viewer").waitFor();
    expect(await viewer.getByRole("button", { name: "Roll back" }).count()).toBe(0);
    expect(await viewer.getByRole("link", { name: "Audit" }).count()).toBe(0);
    await visit(viewer, "/audit", "Audit");
    await viewer.getByText("takes the role admin").waitFor();
  });

  test("takes what devices and people write as text, never as markup", async () => {
    const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
    const [token] = (
      await bench.operator.createEnrolmentTokens({ product: "digits", count: 1, tags: { ward: evil } })
    ).tokens;
    const device = new (gallery.devices[0]!.constructor as typeof TestDevice)("evil-01", bench.server.url);
    await device.enroll(token!.token);
    await device.signIn();
    await device.poll();
    await device.client.reports(device.id, device.token, [
      { ...device.report({ id: "r0:update", sequence: 1 } as never, "failed", "internal"), detail: evil },
    ]);
    await visit(admin, "/devices/evil-01", "evil-01");
    await admin.getByText(evil).first().waitFor();
    await visit(admin, "/devices?prefix=evil", "Devices");
    await admin.getByText(evil).first().waitFor();
    expect(await admin.title()).toBe("Devices · Mote");
    expect(await admin.locator("main img, main script").count()).toBe(0);
  });

  test("has met no fault, and has asked nobody but its server", () => {
    expect(browser.faults).toEqual([]);
  });
});

/** Nothing is being read any more. */
async function settled(page: Page): Promise<void> {
  await eventually(async () => (await page.getByText("Reading …").count()) === 0, "the page to have read");
}

/** 2.0.0 has run in the shadow of 1.0.0 on those that were asked for. @returns the rollout's id. */
async function shadowed(bench: TestBench, devices: TestDevice[]): Promise<string> {
  await bench.operator.createRollout(
    plan({
      strategy: "shadow",
      shadowShare: 0.2,
      query: { running: ["1.0.0"], health: { lastUpdateFailed: false } },
      waves: [{ name: "everybody", share: 1, soakS: 0 }],
      gates: { ...DEFAULT_GATES, telemetry: [] },
    }),
  );
  await Promise.all(devices.map((device) => device.update()));
  return (await state(bench.operator, "completed")).id;
}

/** 2.0.0 goes out in two waves, and is a little better. */
async function better(bench: TestBench, devices: TestDevice[]): Promise<void> {
  bench.aheadMs += LATER_MS;
  await bench.operator.createRollout(plan({ version: "2.0.0", comment: "trained on the spring data" }));
  await take(devices, 2, 8);
  bench.aheadMs += LATER_MS;
  await report(devices, 12, (device) => (device.sequence === 2 ? 0.92 : 0.88));
  await take(devices, 2);
  await state(bench.operator, "completed");
  bench.aheadMs += LATER_MS;
  await report(devices, 4, () => 0.92);
}

/** 3.0.0 is held in its canary. @returns the rollout's id. */
async function muchWorse(bench: TestBench, devices: TestDevice[]): Promise<string> {
  bench.aheadMs += LATER_MS;
  await bench.operator.createRollout(plan({ version: "3.0.0" }));
  await take(devices, 3, 8);
  bench.aheadMs += LATER_MS;
  await report(devices, 12, (device) => (device.sequence === 3 ? 0.6 : 0.92));
  return (await state(bench.operator, "held")).id;
}

async function report(
  devices: readonly TestDevice[],
  count: number,
  confidence: (device: TestDevice) => number,
) {
  for (let i = 0; i < count; i++) {
    await windows(devices, (device) => ({ confidence: confidence(device), accuracy: 0.95 }));
  }
}
