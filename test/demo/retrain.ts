import { join } from "node:path";
import type { Journal } from "./journal.js";
import { runTalking } from "./processes.js";

/** Trains the digit models again, as their provenance.json says; gives the folder that holds them. */
export async function retrain(journal: Journal, work: string): Promise<string> {
  const out = join(work, "models");
  await runTalking("trainDigits", ["--out", out], (line) => journal.say(line));
  return out;
}
