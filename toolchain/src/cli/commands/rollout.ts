import {
  ApprovalScope,
  checkSchema,
  type DryRunAnswer,
  type RolloutAction,
  type RolloutView,
} from "@mote/protocol";
import type { Command } from "commander";
import type { CliCommand, Io } from "../command.js";
import { addServerOptions, connect, type ServerOptions } from "../operator/connect.js";
import { addPlanOptions, type PlanOptions, readPlan } from "../operator/plan.js";
import { promotionOf } from "../operator/promotion.js";
import { table } from "../operator/table.js";
import { configureRehearse } from "./rollout-rehearse.js";

export const command: CliCommand = {
  name: "rollout",
  summary:
    "stage a release over the fleet: create, rehearse, list, show, promote, approve, pause, resume, abort, break-glass",
  configure(command, io) {
    addCreate(command, io);
    configureRehearse(command.command("rehearse"), io);
    addServerOptions(command.command("list").description("all rollouts, newest first"))
      .addHelpText(
        "after",
        "\nExample:\n  mote rollout list --server https://ota.example.org --token-file token\n",
      )
      .action(async (options: ServerOptions) => {
        const { rollouts } = await (await connect(options)).rollouts({ limit: 200 });
        io.json(rollouts);
        io.say(table(["id", "release", "state", "wave", "why"], rollouts.map(row)));
      });
    addServerOptions(
      command.command("show").description("one rollout: waves, gates with their evidence, history"),
    )
      .argument("<id>")
      .addHelpText("after", "\nExample:\n  mote rollout show r7-1f2e3d\n")
      .action(async (id: string, options: ServerOptions) => {
        show(await (await connect(options)).rollout(id), io);
      });
    addPromote(command, io);
    addAction(command, io, "approve", "approve the start, or let a held wave pass");
    addAction(command, io, "pause", "hand the release to no more devices for now");
    addAction(command, io, "resume", "go on after a pause or a hold");
    addAction(command, io, "abort", "end it; with --rollback devices go back to what they ran before");
    addAction(
      command,
      io,
      "break-glass",
      "in an emergency: wait for no approvals, windows, batteries or limits; gates still judge, the audit keeps why",
    );
  },
};

function addCreate(command: Command, io: Io): void {
  addPlanOptions(
    addServerOptions(
      command.command("create").description("start a rollout, or say what it would do (--dry-run)"),
    ),
  )
    .option("--dry-run", "say what would happen to whom; nothing is stored")
    .addHelpText(
      "after",
      `
Example:
  mote rollout create -p digits -r 2.0.0 --wave canary:5:10m --wave everybody:100% --on-failure rollback-fleet --dry-run

A plan file holds the same and more:
  product: digits
  version: 2.0.0
  query: { tags: { site: north }, running: [1.0.0], health: { lastUpdateFailed: false, maxErrorRate: 0.05 } }
  waves: [{ name: canary, share: 0.05, soakS: 600 }, { name: everybody, share: 1, soakS: 0 }]
  gates: { telemetry: [{ metric: confidence, margin: 0.05 }], deadlineS: 86400 }
  onFailure: rollback-fleet
  preconditions: { minBatteryPercent: 30, windows: [{ days: [sat, sun], from: "22:00", to: "05:00" }] }
  limits: { installsPerHour: 500, concurrent: 50, deadlineS: 604800 }
  retries: { maxAttempts: 3, backoffS: 300 }
  approvals: 2
  approvalExpiresS: 86400
`,
    )
    .action(async (options: ServerOptions & PlanOptions & { dryRun?: boolean }) => {
      const plan = await readPlan(options);
      const client = await connect(options);
      if (options.dryRun === true) return showDryRun(await client.dryRun(plan), io);
      show(await client.createRollout(plan), io);
    });
}

function addPromote(command: Command, io: Io): void {
  addServerOptions(command.command("promote"))
    .description(
      "bring what a completed shadow or A/B test has tried to all: after a shadow in the same waves, without a second download",
    )
    .argument("<id>")
    .option("--dry-run", "say what would happen to whom; nothing is stored")
    .addHelpText("after", "\nExample:\n  mote rollout promote r7-1f2e3d --dry-run\n")
    .action(async (id: string, options: ServerOptions & { dryRun?: boolean }) => {
      const client = await connect(options);
      const plan = promotionOf(await client.rollout(id));
      if (options.dryRun === true) return showDryRun(await client.dryRun(plan), io);
      show(await client.createRollout(plan), io);
    });
}

function addAction(command: Command, io: Io, action: RolloutAction, summary: string): void {
  const sub = addServerOptions(command.command(action).description(summary))
    .argument("<id>")
    .option("--comment <text>", "kept in the rollout's history");
  if (action === "approve") sub.option("--scope <what>", "this wave alone, or the whole rollout", "wave");
  if (action === "abort") sub.option("--rollback", "devices go back to what they ran before");
  sub.addHelpText("after", `\nExample:\n  mote rollout ${action} r7-1f2e3d${EXAMPLES[action] ?? ""}\n`);
  sub.action(async (id: string, options: ServerOptions & ActionOptions) => {
    const { comment, rollback, scope } = options;
    const request = {
      ...(comment === undefined ? {} : { comment }),
      ...(rollback === undefined ? {} : { rollback }),
      ...(scope === undefined ? {} : { scope: checkSchema(ApprovalScope, scope, "--scope") }),
    };
    show(await (await connect(options)).act(id, action, request), io);
  });
}

/** What a person would add to the action and its rollout. */
const EXAMPLES: Partial<Record<RolloutAction, string>> = {
  approve: ' --comment "read the canary\'s evidence"',
  abort: " --rollback",
  "break-glass": ' --comment "CVE-2026-1234 is exploited in the field"',
};

interface ActionOptions {
  readonly comment?: string;
  readonly rollback?: boolean;
  readonly scope?: string;
}

function row(view: RolloutView): string[] {
  const wave = view.waves[view.currentWave];
  const done = (wave?.confirmed ?? 0) + (wave?.isStaging === true ? wave.staged : 0);
  const progress = wave === undefined ? "" : `${wave.name} ${done}/${wave.members}`;
  return [view.id, `${view.plan.product} ${view.plan.version}`, view.state, progress, view.reason];
}

function show(view: RolloutView, io: Io): void {
  io.json(view);
  io.say(`${view.id}: ${view.plan.product} ${view.plan.version}, ${view.state}`);
  io.say(view.reason);
  const waves = view.waves.map((wave) => [
    wave.name,
    wave.state,
    String(wave.members),
    String(wave.staged),
    String(wave.confirmed),
    String(wave.failed),
    String(wave.control),
  ]);
  io.say(table(["wave", "state", "devices", "staged", "confirmed", "failed", "control"], waves));
  const gates = view.waves.flatMap((wave) =>
    wave.gates.map((gate) => [wave.name, gate.gate, gate.verdict, gate.text]),
  );
  if (gates.length > 0) io.say(table(["wave", "gate", "verdict", "evidence"], gates));
  for (const { reason, devices } of view.waiting) io.say(`Waiting: ${devices} devices, for ${reason}`);
  if (view.breakGlass !== null) io.say(`Glass broken by ${view.breakGlass.by}: ${view.breakGlass.comment}`);
  const { done, pending } = view.rollback;
  if (done + pending > 0) io.say(`Rolled back: ${done} devices; still to come back: ${pending}`);
  for (const { atMs, text } of view.history) io.say(`${new Date(atMs).toISOString()}  ${text}`);
}

function showDryRun(answer: DryRunAnswer, io: Io): void {
  io.json(answer);
  io.say(`${answer.eligible} devices are eligible.`);
  const rows = answer.waves.map((wave) => [
    wave.name,
    String(wave.devices),
    String(wave.control),
    wave.sample.slice(0, 5).join(", "),
  ]);
  io.say(table(["wave", "devices", "control", "for example"], rows));
  for (const { reason, devices } of answer.excluded) io.say(`Left out: ${devices}, ${reason}`);
  for (const { reason, devices, untilMs } of answer.waits) {
    const until = untilMs === null ? "" : `, the first until ${new Date(untilMs).toISOString()}`;
    io.say(`Would wait now: ${devices} devices, for ${reason}${until}`);
  }
  if (answer.waits.length > 0 && answer.sampled < answer.eligible) {
    io.say(`Who waits was counted in a sample of ${answer.sampled} devices and scaled up.`);
  }
  for (const { consumer, contact, changes } of answer.consumers) {
    io.say(`Tell ${contact} first: ${consumer} reads what changes (${changes.join("; ")})`);
  }
  for (const warning of answer.warnings) io.say(`Warning: ${warning}`);
}
