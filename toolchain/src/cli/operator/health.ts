import { checkSchema, HEALTH_NAMES, HealthQuery } from "@mote/protocol";
import { UsageError } from "../../errors.js";
import { parseDurationS } from "./duration.js";

/** What `--health` takes, for help texts. */
export const HEALTH_HELP =
  "how they are doing: online, seenWithin=24h, lastUpdateFailed=false, belowFloor=true, maxErrorRate=0.05";

const DURATION = "seenWithin";

/**
 * `online`, `lastUpdateFailed=false`, `seenWithin=24h`, `maxErrorRate=0.05`: a name alone says true.
 *
 * @throws UsageError, SchemaError
 */
export function parseHealth(texts: readonly string[]): HealthQuery {
  const entries = texts.map((text): [string, unknown] => {
    const [name = "", value = "true"] = text.split(/=(.*)/s);
    if (name === DURATION) return ["seenWithinS", parseDurationS(value)];
    if ((HEALTH_NAMES as readonly string[]).includes(name)) return [name, readValue(value)];
    throw new UsageError({
      expected: `--health with one of ${[DURATION, ...HEALTH_NAMES].join(", ")}`,
      got: JSON.stringify(text),
      todo: "For example --health online lastUpdateFailed=false seenWithin=24h.",
    });
  });
  return checkSchema(HealthQuery, Object.fromEntries(entries), "--health");
}

function readValue(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return text.trim() === "" ? text : Number(text);
}
