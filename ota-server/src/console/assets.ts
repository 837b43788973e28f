import { readFileSync } from "node:fs";
import { PAGE } from "./page.js";
import { STYLE } from "./style.js";

/** One file of the page, read once. */
export interface ConsoleAsset {
  readonly type: string;
  readonly body: string;
}

const SCRIPTS = [
  "main",
  "alerts",
  "dom",
  "fleet",
  "plan",
  "release",
  "rollouts",
  "server",
  "tables",
] as const;
/** From src/console and from dist/console alike. */
const BUILT = new URL("../../dist/console/browser/", import.meta.url);

/** The whole page by path: nothing of it comes from elsewhere. */
export function consoleAssets(): Map<string, ConsoleAsset> {
  const assets = new Map<string, ConsoleAsset>([
    ["/", { type: "text/html; charset=utf-8", body: PAGE }],
    ["/console/style.css", { type: "text/css; charset=utf-8", body: STYLE }],
  ]);
  for (const name of SCRIPTS) {
    const body = readFileSync(new URL(`${name}.js`, BUILT), "utf8").replace(
      /\n\/\/# sourceMappingURL=.*\n?$/,
      "\n",
    );
    assets.set(`/console/${name}.js`, { type: "text/javascript; charset=utf-8", body });
  }
  return assets;
}
