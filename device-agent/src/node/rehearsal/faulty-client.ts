import { type DeviceClient, type Fault, NetworkError } from "@mote/protocol";

/** Transfers of an update that break off on a bad link; one fewer than a device tries before it gives an update up. */
const BROKEN_TRANSFERS = 3;

/** The way to the server, with the fault that was asked for. `vanish` is called when the device is to go silent. */
export function faultyClient(
  client: DeviceClient,
  fault: Fault | null,
  candidateSequence: number,
  vanish: () => void,
): DeviceClient {
  if (fault !== "link" && fault !== "vanish") return client;
  let isOffered = false;
  let broken = 0;
  return {
    ...client,
    async poll(...request) {
      const answer = await client.poll(...request);
      isOffered = answer.offer?.kind === "update" && answer.offer.sequence === candidateSequence;
      return answer;
    },
    async blob(...request) {
      if (isOffered && fault === "vanish") vanish();
      if (isOffered && (fault === "vanish" || broken < BROKEN_TRANSFERS)) {
        broken++;
        throw new NetworkError({
          expected: "the transfer to go on",
          got: "a rehearsed break",
          todo: "None.",
        });
      }
      return client.blob(...request);
    },
  };
}
