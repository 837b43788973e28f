/** One file of the page. */
export interface ConsoleAsset {
  readonly type: string;
  body(): string;
}

export function consoleAssets(): Map<string, ConsoleAsset> {
  return new Map([
    ["/", { type: "text/html; charset=utf-8", body: () => "<!doctype html><title>Mote</title>" }],
  ]);
}
