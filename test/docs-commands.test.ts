import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** What the pages tell people to type is what the commands take. */

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const MAINS: Record<string, string> = {
  mote: "toolchain/dist/cli/main.js",
  "mote-server": "ota-server/dist/main.js",
  "mote-agent": "device-agent/dist/node/main.js",
};

const pages = [
  "README.md",
  "firmware-shims/README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

interface Typed {
  readonly page: string;
  readonly line: string;
  readonly words: readonly string[];
}

/** Lines of fenced blocks and inline code that begin with one of the commands; what goes on after a backslash is one line. */
function typedIn(page: string): Typed[] {
  const text = readFileSync(join(ROOT, page), "utf8").replaceAll(/\\\n\s*/g, "");
  const blocks = [...text.matchAll(/```\w*\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.split("\n"));
  const inline = [...text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/`([^`]+)`/g)].map(([, code]) =>
    code!.replaceAll("\n", " "),
  );
  return [...blocks, ...inline]
    .map((line) =>
      line
        .trim()
        .replace(/^npx /, "")
        .replace(/\s+#.*$/, ""),
    )
    .filter((line) => (line.split(" ")[0] ?? "") in MAINS)
    .map((line) => ({ page, line, words: line.split(/\s+/) }));
}

const helps = new Map<string, string>();

/** Help of the deepest command that the words name. */
function helpOf(words: readonly string[]): string {
  const names: string[] = [];
  for (const word of words.slice(1, 3))
    if (/^[a-z][a-z-]*$/.test(word)) names.push(word);
    else break;
  const key = [words[0], ...names].join(" ");
  if (!helps.has(key)) {
    const run = spawnSync(process.execPath, [join(ROOT, MAINS[words[0]!]!), ...names, "--help"], {
      encoding: "utf8",
    });
    helps.set(key, run.status === 0 ? run.stdout : "");
  }
  return helps.get(key)!;
}

test("every flag that a page names is one of its command's", { timeout: 300_000 }, () => {
  const typed = pages.flatMap(typedIn);
  expect(typed.length).toBeGreaterThan(60);
  const unknown: string[] = [];
  for (const { page, line, words } of typed) {
    const help = helpOf(words);
    if (help === "") unknown.push(`${page}: ${line}: no such command`);
    for (const flag of line.match(/(?<=\s)--?[a-z][a-z0-9-]*/g) ?? []) {
      if (!new RegExp(`(^|[\\s,])${flag}(?![a-z0-9-])`, "m").test(help))
        unknown.push(`${page}: ${line}: ${flag}`);
    }
  }
  expect(unknown).toEqual([]);
});
