import type { LogEntry } from "../core/ports.js";

/** What a command writes: JSON lines for machines, short lines for people. */
export interface Console {
  readonly isJson: boolean;
  say(text: string): void;
  /** One JSON document; swallowed without --json. */
  json(document: unknown): void;
  /** One line of a running agent's diary. */
  log(device: string, entry: LogEntry): void;
}

export function createConsole(isJson: boolean): Console {
  const write = (text: string) => process.stdout.write(`${text}\n`);
  return {
    isJson,
    say(text) {
      if (!isJson) write(text);
    },
    json(document) {
      if (isJson) write(JSON.stringify(document));
    },
    log(device, entry) {
      const time = new Date().toISOString();
      write(
        isJson
          ? JSON.stringify({ time, device, ...entry })
          : `${time.slice(11, 23)} ${device} ${brief(entry)}`,
      );
    },
  };
}

function brief({ event, ...fields }: LogEntry): string {
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [event, ...parts].join(" ");
}
