import { explainFault, whatCame } from "@mote/protocol";
import { type EditedFile, parseEdited } from "@mote/protocol/node";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { BudgetError } from "../errors.js";

/** A number with a unit, as people write it: "64 KiB", "50 ms", "2 / s". */
const quantity = (units: string) =>
  Type.Union([Type.String(), Type.Number()], { description: `a number with a unit: ${units}` });

/** The schema of a budget file; every line is optional, what is absent is not limited. */
export const BudgetSchema = Type.Object(
  {
    ram: Type.Optional(quantity("B, KiB, MiB, GiB, kB, MB, GB")),
    flash: Type.Optional(quantity("B, KiB, MiB, GiB, kB, MB, GB")),
    latency: Type.Optional(quantity("ns, us, ms, s")),
    energy: Type.Optional(quantity("nJ, uJ, mJ, J")),
    averagePower: Type.Optional(quantity("nW, uW, mW, W")),
    dutyCycle: Type.Optional(quantity("/ s, / min, / h, / day")),
    accuracy: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    interrupts: Type.Optional(quantity("% of the processor's time, or ns, us, ms once per inference")),
    battery: Type.Optional(quantity("mAh (at 3 V), J, kJ, Wh")),
  },
  { additionalProperties: false },
);
export type BudgetFile = Static<typeof BudgetSchema>;

/** Limits in base units; undefined where the file does not limit. */
export interface Budget {
  /** Arena, stack and state. */
  readonly ramBytes?: number;
  /** Code, parameters in both slots, journal. */
  readonly flashBytes?: number;
  /** Worst case. */
  readonly latencyUs?: number;
  /** Per inference. */
  readonly energyUj?: number;
  readonly averagePowerUw?: number;
  readonly inferencesPerS?: number;
  readonly accuracy?: number;
  readonly batteryJ?: number;
  /** Share of the processor that interrupts may take, 0 to 1. */
  readonly interruptShare?: number;
  /** Time that interrupts may take once per inference. */
  readonly interruptUs?: number;
}

const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9 };
const MICROSECONDS = { ns: 1e-3, us: 1, µs: 1, ms: 1e3, s: 1e6 };
const MICROJOULES = { nJ: 1e-3, uJ: 1, µJ: 1, mJ: 1e3, J: 1e6 };
const MICROWATTS = { nW: 1e-3, uW: 1, µW: 1, mW: 1e3, W: 1e6 };
const PER_SECOND = { "/ s": 1, "/ min": 1 / 60, "/ h": 1 / 3600, "/ day": 1 / 86_400 };
/** A capacity in mAh is taken at 3 V, a coin cell's; a battery of another voltage is given in Wh or J. */
const JOULES = { mAh: 3.6 * 3, J: 1, kJ: 1e3, Wh: 3600 };

const LINES: {
  readonly [K in Exclude<keyof BudgetFile, "accuracy">]-?: [keyof Budget, Readonly<Record<string, number>>];
} = {
  ram: ["ramBytes", BYTES],
  flash: ["flashBytes", BYTES],
  latency: ["latencyUs", MICROSECONDS],
  energy: ["energyUj", MICROJOULES],
  averagePower: ["averagePowerUw", MICROWATTS],
  dutyCycle: ["inferencesPerS", PER_SECOND],
  battery: ["batteryJ", JOULES],
  interrupts: ["interruptUs", { ...MICROSECONDS, "%": 0.01 }],
};

/**
 * Reads a budget file (YAML, of which JSON is a part). `name` is what errors call it; they name the line.
 * Throws BudgetError.
 */
export function parseBudget(text: string, name: string): Budget {
  let edited: EditedFile;
  try {
    edited = parseEdited(text);
  } catch (cause) {
    throw new BudgetError({
      expected: `YAML or JSON in ${name}`,
      got: whatCame(cause),
      todo: "Correct that line; one limit a line, such as `ram: 64 KiB`.",
      cause,
    });
  }
  const placeOf = (key: string): string => edited.place(`/${key}`) ?? "line 1";
  const file: unknown = edited.value ?? {};
  const fault = explainFault(Value.Errors(BudgetSchema, file));
  if (fault !== null) {
    const key = fault.path.split("/")[1] ?? "";
    throw new BudgetError({
      expected: `limits among ${Object.keys(BudgetSchema.properties).join(", ")} in ${name}`,
      got: `${placeOf(key)}: ${key === "" ? "no limits" : `"${key}"`} (${fault.rule})`,
      todo: "Correct or remove that line.",
    });
  }
  return toBudget(file as BudgetFile, name, placeOf);
}

function toBudget(file: BudgetFile, name: string, placeOf: (key: string) => string): Budget {
  const budget: { -readonly [K in keyof Budget]: number } = {};
  if (file.accuracy !== undefined) budget.accuracy = file.accuracy;
  for (const [key, [field, units]] of Object.entries(LINES)) {
    const written = file[key as keyof typeof LINES];
    if (written === undefined) continue;
    const parts = /^\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)\s*(.*?)\s*$/i.exec(String(written));
    const unit = parts?.[2]?.replace(/^\/\s*/, "/ ") ?? "";
    const factor = units[unit];
    if (parts === null || factor === undefined)
      throw new BudgetError({
        expected: `${key} as a number with a unit among ${Object.keys(units).join(", ")} in ${name}`,
        got: `${placeOf(key)}: "${written}"`,
        todo: `Write for example \`${key}: 1 ${Object.keys(units)[1]}\`.`,
      });
    const value = Number(parts[1]!.replaceAll("_", "")) * factor;
    if (unit === "%" && value >= 1)
      throw new BudgetError({
        expected: `${key} below 100 % in ${name}`,
        got: `${placeOf(key)}: "${written}"`,
        todo: "Nothing would ever finish; state the share that interrupts take at worst.",
      });
    budget[unit === "%" ? "interruptShare" : field] = value;
  }
  return budget;
}
