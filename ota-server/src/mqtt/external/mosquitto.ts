import { createHash } from "node:crypto";
import { topics } from "@mote/protocol";
import type { Clock } from "../../clock.js";
import { StoreError } from "../../errors.js";
import type { Admitted, Guard, Send } from "./guard.js";

/**
 * Mosquitto with its dynamic security plugin: the server keeps a client and a role for each device there, with a random
 * password that is replaced each week.
 */

const CONTROL = "$CONTROL/dynamic-security/v1";
/** Milliseconds until the plugin must have answered. */
const ANSWER_MS = 10_000;
/** How long a password is good. */
const PERIOD_MS = 7 * 86_400_000;
const REPLACE_AFTER_MS = 5_000;

type Command = { readonly command: string; readonly [field: string]: unknown };

interface Response {
  readonly correlationData?: string;
  readonly error?: string;
  readonly data?: { readonly client?: HeldClient };
}

/** A client as the plugin describes it. */
interface HeldClient {
  readonly textdescription?: string;
  readonly disabled?: boolean;
  readonly roles?: readonly { readonly rolename: string }[];
}

interface Waiting {
  readonly expected: number;
  readonly responses: Response[];
  resolve(responses: Response[]): void;
}

const SERVER_ROLE = "mote server";

export class MosquittoGuard implements Guard {
  readonly topics = [`${CONTROL}/response`];
  private readonly waiting = new Map<string, Waiting>();
  private sender: Send | null = null;
  private lastId = 0;

  constructor(
    private readonly username: string,
    private readonly password: string,
    /** The fleet's own secret about a subject. */
    private readonly secretOf: (subject: string) => string,
    private readonly clock: Clock,
  ) {}

  credentials(): { username: string; password: string } {
    return { username: this.username, password: this.password };
  }

  /** Nobody has any right that no role gives; the server has that to the devices' topics. */
  async prepare(send: Send): Promise<void> {
    this.sender = send;
    const kinds = ["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];
    const acls = kinds.map((acltype) => ({ acltype, allow: acltype === "unsubscribe" }));
    const [closed, own] = await this.ask([
      { command: "setDefaultACLAccess", acls },
      { command: "getClient", username: this.username },
      { command: "createRole", rolename: SERVER_ROLE, acls: SERVER_RIGHTS },
    ]);
    const error = closed?.error ?? own?.error;
    if (error !== undefined) throw new Error(`the broker's dynamic security says: ${error}`);
    if (own?.data?.client?.roles?.some(({ rolename }) => rolename === SERVER_ROLE) === true) return;
    // The broker ends the connection of whose rights are changed; the next one has them.
    await this.ask([
      { command: "addClientRole", username: this.username, rolename: SERVER_ROLE, priority: 0 },
    ]);
  }

  hear(payload: Buffer): void {
    for (const response of responsesIn(payload)) {
      const waiting = this.waiting.get(response.correlationData ?? "");
      waiting?.responses.push(response);
      if (waiting?.responses.length === waiting?.expected) waiting?.resolve(waiting.responses);
    }
  }

  /**
   * The password is made from a secret of the fleet's, so that asking for it again changes nothing at the broker: Mosquitto
   * writes all its clients to the disk at each change, and ends the connection of whom it concerns.
   */
  async admit(device: Admitted): Promise<string> {
    const period = periodOf(device.id, this.clock());
    const password = this.secretOf(`${device.id} ${device.enrolledAtMs} ${period}`);
    // Names the password, and tells nothing of it.
    const tag = `enrolled ${device.enrolledAtMs}, period ${period}`;
    const [found] = await this.ask([{ command: "getClient", username: device.id }]);
    const held = found?.data?.client;
    if (held === undefined) await this.create(device.id, password, tag);
    else if (held.textdescription !== tag || held.disabled === true) {
      const isFormer = held.disabled === true || !held.textdescription?.startsWith(tag.split(",")[0]!);
      if (isFormer) await this.replace(device.id, password, tag);
      else this.replaceSoon(device.id, password, tag);
    }
    return password;
  }

  private async create(deviceId: string, password: string, tag: string): Promise<void> {
    const rolename = `mote device ${deviceId}`;
    const made = await this.ask([
      { command: "createRole", rolename, acls: rightsOf(deviceId) },
      {
        command: "createClient",
        username: deviceId,
        // Taking another's client id would throw that one out.
        clientid: deviceId,
        password,
        textdescription: tag,
        roles: [{ rolename, priority: 0 }],
      },
    ]);
    // The role may be there already.
    if (made[1]?.error !== undefined) throw away(made[1].error);
  }

  private async replace(deviceId: string, password: string, tag: string): Promise<void> {
    const done = await this.ask([
      { command: "setClientPassword", username: deviceId, password },
      { command: "enableClient", username: deviceId },
      { command: "modifyClient", username: deviceId, textdescription: tag },
    ]);
    if (done[0]?.error !== undefined) throw away(done[0].error);
  }

  /** The answer that carries the new password may travel by the connection that the change ends. */
  private replaceSoon(deviceId: string, password: string, tag: string): void {
    const timer = setTimeout(() => {
      // A device that signs in again finds it undone, and has it done.
      this.replace(deviceId, password, tag).catch(() => undefined);
    }, REPLACE_AFTER_MS);
    timer.unref();
  }

  async expel(deviceId: string): Promise<void> {
    await this.ask([{ command: "disableClient", username: deviceId }]);
  }

  /** @returns a response to each command. @throws StoreError when nobody answers. */
  private async ask(commands: readonly Command[]): Promise<Response[]> {
    const send = this.sender;
    if (send === null) throw away("no connection to it");
    const correlationData = `${process.pid}-${++this.lastId}`;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Response[]>((resolve, reject) => {
        timer = setTimeout(() => reject(away(`no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS);
        this.waiting.set(correlationData, { expected: commands.length, responses: [], resolve });
        send(CONTROL, JSON.stringify({ commands: commands.map((one) => ({ ...one, correlationData })) }));
      });
    } finally {
      clearTimeout(timer);
      this.waiting.delete(correlationData);
    }
  }
}

const allow = (acltype: string, topic: string) => ({ acltype, topic, priority: 0, allow: true });

const SERVER_RIGHTS = ["publishClientSend", "publishClientReceive", "subscribePattern"].map((kind) =>
  allow(kind, "mote/v1/#"),
);

function rightsOf(deviceId: string) {
  return [
    ...([topics.telemetry, topics.report, topics.presence, topics.request] as const).map((topic) =>
      allow("publishClientSend", topic(deviceId)),
    ),
    ...([topics.command, topics.answer] as const).flatMap((topic) => [
      allow("subscribeLiteral", topic(deviceId)),
      allow("publishClientReceive", topic(deviceId)),
    ]),
  ];
}

/** Which week it is for this device: they don't all begin at once. */
function periodOf(deviceId: string, nowMs: number): number {
  const offset = createHash("sha256").update(deviceId).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor(nowMs / PERIOD_MS + offset);
}

function responsesIn(payload: Buffer): readonly Response[] {
  try {
    const { responses } = JSON.parse(payload.toString("utf8")) as { responses?: Response[] };
    return responses ?? [];
  } catch {
    // Whoever waits for it will say that nobody has answered.
    return [];
  }
}

function away(got: string): StoreError {
  return new StoreError({
    expected: "the MQTT broker's dynamic security to take a device's password",
    got,
    todo: "See that the broker runs, with the plugin, and that the server's user there has the role admin.",
  });
}
