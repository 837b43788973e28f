import type { DeviceView } from "@mote/protocol";
import { Badge } from "../parts/badge.js";

export function OnlineBadge({ device }: { device: DeviceView }) {
  if (device.revoked) return <Badge word={["revoked", "bad"]} />;
  return <Badge word={device.online ? ["connected", "good"] : ["not connected", "idle"]} />;
}
