/** Structured log: one JSON object per line. */
export interface Log {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, error: unknown, fields?: Readonly<Record<string, unknown>>): void;
}

export function createLog(write: (line: string) => void, clock: () => number): Log {
  const line = (level: string, event: string, fields: Readonly<Record<string, unknown>>) =>
    write(`${JSON.stringify({ time: new Date(clock()).toISOString(), level, event, ...fields })}\n`);
  return {
    info: (event, fields = {}) => line("info", event, fields),
    warn: (event, fields = {}) => line("warn", event, fields),
    error(event, error, fields = {}) {
      const cause =
        error instanceof Error ? { error: error.message, stack: error.stack } : { error: String(error) };
      line("error", event, { ...cause, ...fields });
    },
  };
}

export const SILENT: Log = { info() {}, warn() {}, error() {} };
