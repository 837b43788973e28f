import { type Static, Type } from "@sinclair/typebox";
import { ARTIFACT_MAX_BYTES, Sha256Hex } from "../bundle/manifest.js";
import { PatchLayoutError, whatCame } from "../errors.js";
import { checkSchema } from "../schema.js";
import { decodeForm, wordsBefore, wordsBehind } from "./row-form.js";

/**
 * What lies where in the parameters of one architecture, for whoever makes patches: `mote compile` writes it beside
 * params.bin, a bundle carries it to the server, and no device ever sees it, because a patch says itself what it codes.
 * It is not signed: a wrong one costs bytes of a patch, never its correctness.
 */

export const PARAMS_LAYOUT_SCHEMA = "mote.params-layout/1";
/** Its name beside params.bin. */
export const PARAMS_LAYOUT_FILE = "params.layout.json";
/** Bytes of the document. */
export const PARAMS_LAYOUT_MAX_BYTES = 256 * 1024;

const strict = { additionalProperties: false } as const;
const Place = Type.Integer({ minimum: 0, maximum: ARTIFACT_MAX_BYTES });
const Count = Type.Integer({ minimum: 1, maximum: ARTIFACT_MAX_BYTES });

export const ParamsRange = Type.Union([
  Type.Object(
    {
      /** Bytes from the start of the blob. */
      at: Place,
      count: Count,
      dtype: Type.Union([Type.Literal("int32"), Type.Literal("float32")]),
    },
    strict,
  ),
  Type.Object(
    {
      at: Place,
      rows: Count,
      rowBytes: Count,
      /** The bits of a RowForm (row-form.ts). */
      form: Type.Integer({ minimum: 0, maximum: 0xffff }),
    },
    strict,
  ),
]);
export type ParamsRange = Static<typeof ParamsRange>;

export const ParamsLayout = Type.Object(
  {
    schema: Type.Literal(PARAMS_LAYOUT_SCHEMA),
    /** Of the code that reads such parameters: the one in their header. */
    architectureHash: Sha256Hex,
    paramBytes: Count,
    /** In ascending order, without overlap; what lies between them has no type. */
    ranges: Type.Array(ParamsRange, { maxItems: 4096 }),
  },
  strict,
);
export type ParamsLayout = Static<typeof ParamsLayout>;

/** @throws SchemaError, PatchLayoutError naming the range at fault */
export function checkParamsLayout(document: unknown): ParamsLayout {
  const layout = checkSchema(ParamsLayout, document, "a layout of parameters");
  let end = 0;
  layout.ranges.forEach((range, index) => {
    const length = "count" in range ? 4 * range.count : range.rows * range.rowBytes;
    if (range.at < end || range.at + length > layout.paramBytes) {
      throw wrongRange(index, `it lies at ${end} to ${layout.paramBytes} B`, `${range.at}, ${length} B`);
    }
    end = range.at + length;
    if ("count" in range) return;
    const form = decodeForm(range.form);
    if (form === null) throw wrongRange(index, "a form of rows", String(range.form));
    const wordBytes = 4 * (wordsBefore(form) + wordsBehind(form));
    if (wordBytes > range.rowBytes) {
      throw wrongRange(index, `rows of at least ${wordBytes} B`, `${range.rowBytes} B`);
    }
  });
  return layout;
}

/** @throws SchemaError, PatchLayoutError */
export function parseParamsLayout(text: string): ParamsLayout {
  let document: unknown;
  try {
    if (text.length > PARAMS_LAYOUT_MAX_BYTES) throw new RangeError(`${text.length} characters`);
    document = JSON.parse(text);
  } catch (cause) {
    throw new PatchLayoutError({
      expected: `JSON of at most ${PARAMS_LAYOUT_MAX_BYTES} B`,
      got: whatCame(cause),
      todo: "Name the params.layout.json that `mote compile` wrote.",
      cause,
    });
  }
  return checkParamsLayout(document);
}

function wrongRange(index: number, expected: string, got: string): PatchLayoutError {
  return new PatchLayoutError({
    expected: `of range ${index} that ${expected}`,
    got,
    todo: "Take the params.layout.json that `mote compile` wrote beside these parameters.",
  });
}
