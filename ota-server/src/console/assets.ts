import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pageOf } from "./page.js";
import { STYLE } from "./style/index.js";

/** One file of the page, read once. */
export interface ConsoleAsset {
  readonly type: string;
  readonly body: string;
  /** Strong: of the content. */
  readonly etag: string;
}

/** From src/console and from dist/console alike. */
const BUILT = new URL("../../dist/console/browser/", import.meta.url);
const SCRIPTS = "/console/";

/** The one library of the page; its modules ask for each other by these names. */
const { resolve } = createRequire(import.meta.url);
const LIBRARIES: ReadonlyMap<string, string> = new Map(
  [
    ["preact", "dist/preact.module.js"],
    ["preact/hooks", "hooks/dist/hooks.module.js"],
    ["preact/jsx-runtime", "jsx-runtime/dist/jsxRuntime.module.js"],
  ].map(([name, file]) => [pathOf(name!), join(dirname(resolve("preact/package.json")), file!)]),
);

/** The whole page by path: nothing of it comes from elsewhere. */
export function consoleAssets(): Map<string, ConsoleAsset> {
  const scripts = new Map<string, string>();
  collect(`${SCRIPTS}main.js`, scripts);
  const assets = new Map<string, ConsoleAsset>([
    ["/", asset("text/html", pageOf([...scripts.keys()]))],
    ["/console/style.css", asset("text/css", STYLE)],
  ]);
  for (const [path, body] of scripts) assets.set(path, asset("text/javascript", body));
  return assets;
}

/** A module and all that it imports. */
function collect(path: string, found: Map<string, string>): void {
  if (found.has(path)) return;
  const script = addressed(readFileSync(fileOf(path), "utf8"));
  found.set(path, script);
  for (const [, target] of script.matchAll(/(?:from|import)\s*"([./][^"]*)"/g)) {
    collect(new URL(target!, `http://here${path}`).pathname, found);
  }
}

function fileOf(path: string): string | URL {
  const library = LIBRARIES.get(path);
  return library ?? new URL(path.slice(SCRIPTS.length), BUILT);
}

function asset(type: string, body: string): ConsoleAsset {
  const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  return { type: `${type}; charset=utf-8`, body, etag };
}

/** Browsers take addresses for modules, not names; and source maps are not served. */
function addressed(script: string): string {
  return script
    .replace(
      /(from\s*)"(preact(?:\/[a-z-]+)?)"/g,
      (_, from: string, name: string) => `${from}"${pathOf(name)}"`,
    )
    .replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n");
}

function pathOf(name: string): string {
  return `${SCRIPTS}library/${name.replace("/", "-")}.js`;
}
