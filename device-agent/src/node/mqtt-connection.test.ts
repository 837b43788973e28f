import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { MqttConnection } from "./mqtt-connection.js";
import { openSignInDoor } from "./mqtt-door.js";

/** A broker, or something before it, that hangs up at a moment of its choice. Whoever waits must hear of it. */

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const SUBSCRIBE = 8;

let server: Server;
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** @param heard of each packet's kind; what it returns is answered, and null hangs up. */
async function listen(heard: (kind: number) => Buffer | null): Promise<string> {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      const answer = heard(data[0]! >> 4);
      if (answer === null) socket.end();
      else socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("fails when the broker hangs up before its welcome, without a word of refusal", async () => {
  const url = await listen(() => null);
  await expect(MqttConnection.open(url, { clientId: "cam" })).rejects.toThrow();
  await expect(openSignInDoor(url)).rejects.toThrow(/Expected a connection/);
});

it("fails when the broker hangs up on the first thing that it is asked", async () => {
  const url = await listen((kind) => (kind === SUBSCRIBE ? null : CONNACK));
  await expect(openSignInDoor(url)).rejects.toThrow(/Expected a connection/);
  const connection = await MqttConnection.open(url, { clientId: "cam" });
  await expect(connection.whileOpen(connection.client.subscribeAsync("a", { qos: 0 }))).rejects.toThrow(
    /closed/,
  );
  expect(await connection.ended).toMatch(/closed/);
});
