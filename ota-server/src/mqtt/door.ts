/** What has come by MQTT and what was turned away, for the metrics. */
export interface MqttCounters {
  frames: number;
  repeatedFrames: number;
  malformed: number;
  refusedConnections: number;
}

/** The server's MQTT, by its own broker or another's. */
export interface MqttSide {
  readonly counters: Readonly<MqttCounters>;
  /** Devices that are connected, as far as this server knows. */
  readonly connections: number;
  /** Why devices can't be served by MQTT now; empty while they can. */
  readonly problems: readonly string[];
  /** Asks connected devices of a product to poll now. A hint may be lost; devices poll anyway. */
  hint(product: string): void;
  /** A revoked device loses its connection too. */
  disconnect(deviceId: string): void;
  /** For a device that has just proved its key; null where the session's token is the password. */
  credentialFor(deviceId: string): Promise<{ readonly password: string } | null>;
  close(): Promise<void>;
}
