import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../../src/testing/powercut.c", import.meta.url));

/** A folder whose unsynced writes are lost when the power is cut (powercut.c). Linux, and a C compiler. */
export class PowerCut {
  readonly folder = join(mkdtempSync(join(tmpdir(), "mote-power-")), "data");
  private readonly place = mkdtempSync(join(tmpdir(), "mote-shadow-"));
  private readonly library = join(this.place, "powercut.so");
  private shadow = "";
  private cuts = 0;

  /** Builds the layer. Throws where there is no compiler. */
  constructor() {
    const flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"];
    execFileSync("cc", [...flags, "-o", this.library, SOURCE, "-ldl"], { stdio: "pipe" });
    mkdirSync(this.folder);
    this.startShadow();
  }

  /** Environment of the process that works in the folder. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.library,
      MOTE_POWERCUT_DIR: this.folder,
      MOTE_POWERCUT_SHADOW: this.shadow,
    };
  }

  /** Leaves in the folder what was fsynced. The process must be dead. */
  cut(): void {
    const old = this.shadow;
    const root = keyOf(this.folder);
    rmSync(this.folder, { recursive: true });
    rebuild(old, root, this.folder);
    // What is there now is durable.
    this.startShadow();
    rmSync(old, { recursive: true });
  }

  remove(): void {
    rmSync(this.place, { recursive: true, force: true });
    rmSync(join(this.folder, ".."), { recursive: true, force: true });
  }

  private startShadow(): void {
    this.shadow = join(this.place, `shadow-${this.cuts++}`);
    for (const part of ["f", "d"]) mkdirSync(join(this.shadow, part), { recursive: true });
    remember(this.shadow, this.folder);
  }
}

function keyOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino}-${birthtimeNs}`;
}

/** All of a folder as durable, in powercut.c's form. */
function remember(shadow: string, folder: string): void {
  const lines = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) remember(shadow, path);
    else copyFileSync(path, join(shadow, "f", keyOf(path)));
    return `${keyOf(path)}\t${entry.isDirectory() ? "d" : "f"}\t${entry.name}\n`;
  });
  writeFileSync(join(shadow, "d", keyOf(folder)), lines.join(""));
}

function rebuild(shadow: string, key: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  const names = join(shadow, "d", key);
  if (!existsSync(names)) return;
  for (const line of readFileSync(names, "utf8").split("\n").filter(Boolean)) {
    const [child, type, name] = line.split("\t") as [string, string, string];
    if (type === "d") rebuild(shadow, child, join(to, name));
    else if (existsSync(join(shadow, "f", child))) copyFileSync(join(shadow, "f", child), join(to, name));
    else writeFileSync(join(to, name), "");
  }
}
