import { createServer } from "node:net";
import { ErrorAnswer, Name, PATHS, PollAnswer, PollRequest } from "@mote/protocol";
import { Type } from "@sinclair/typebox";
import { Aedes } from "aedes";
import Fastify from "fastify";

/**
 * What the server's doors are measured against, each in a process of its own: a bare aedes that lets everybody in and
 * acknowledges what it gets, and a bare Fastify route that parses and validates the same request by the same schemas and answers a constant of the same
 * length, knowing no device. Prints its address.
 */

async function bareBroker(): Promise<void> {
  const aedes = await Aedes.createBroker();
  const server = createServer((socket) => void aedes.handle(socket));
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    console.log(`mqtt://127.0.0.1:${address.port}`);
  });
}

async function bareRoute(): Promise<void> {
  const app = Fastify();
  app.post(
    PATHS.poll(":id"),
    {
      schema: {
        params: Type.Object({ id: Name }),
        body: PollRequest,
        response: { 200: PollAnswer, "4xx": ErrorAnswer },
      },
    },
    async () => ({ offer: null, pollIntervalS: 297.4051387011521 }),
  );
  console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
}

await (process.argv[2] === "broker" ? bareBroker() : bareRoute());
