import type { Client } from "aedes";

/** What is used of aedes' parser, which is mqtt-packet's. */
interface Parser {
  /** `length` is what the packet announced. */
  readonly packet: { readonly length: number };
  _parseLength(): boolean;
  _emitError(error: Error): void;
}

/**
 * Ends connections whose packets announce more than `maxBytes`, before one byte of such a packet is kept. MQTT allows
 * 256 MB, aedes has no option for less, and its parser gathers a packet whole before anybody asks who sends it.
 */
export function packetLimit(maxBytes: number): (client: Client) => void {
  // One function for all connections: there may be ten thousand.
  function parseLength(this: Parser): boolean {
    const isRead = (Object.getPrototypeOf(this) as Parser)._parseLength.call(this);
    if (!isRead || this.packet.length <= maxBytes) return isRead;
    this._emitError(new Error("packet too large"));
    return false;
  }
  return (client) => {
    const parser = (client as unknown as { readonly _parser: Parser })._parser;
    // Another release of aedes would let everything in unheard.
    if (typeof parser?._parseLength !== "function")
      throw new Error("aedes has another parser: no packet limit");
    parser._parseLength = parseLength;
  };
}
