import { UnsupportedError } from "../errors.js";

/** What a model file says of itself, whether or not all of it can be read. */
export interface Survey {
  readonly inputs: readonly SurveyedTensor[];
  readonly outputs: readonly SurveyedTensor[];
  /** How often each operator occurs, by the name that the format gives it. */
  readonly operators: Readonly<Record<string, number>>;
  readonly unsupported: readonly UnsupportedOperator[];
}

/** A dimension that the file leaves open is null. */
export interface SurveyedTensor {
  readonly name: string;
  readonly shape: readonly (number | null)[];
}

export interface UnsupportedOperator {
  readonly operator: string;
  readonly count: number;
  /** Names of the nodes, in the file's order. */
  readonly places: readonly string[];
  readonly todo: string;
}

/** Counts operators and gathers those that `isReadable` does not know. */
export function surveyOperators(
  nodes: Iterable<{ readonly type: string; readonly name: string }>,
  isReadable: (type: string) => boolean,
): Pick<Survey, "operators" | "unsupported"> {
  const operators: Record<string, number> = {};
  const missing = new Map<string, string[]>();
  for (const { type, name } of nodes) {
    operators[type] = (operators[type] ?? 0) + 1;
    if (isReadable(type)) continue;
    const places = missing.get(type) ?? [];
    places.push(name);
    missing.set(type, places);
  }
  const unsupported = [...missing].map(([operator, places]) => ({
    operator,
    count: places.length,
    places,
    todo: adviceFor(operator),
  }));
  return { operators, unsupported };
}

/** All that is missing is said at once, so that nobody finds out operator by operator. */
export function refuseUnsupported(unsupported: readonly UnsupportedOperator[]): void {
  if (unsupported.length === 0) return;
  throw new UnsupportedError({
    expected: "operators that Mote reads (docs/operators.md)",
    got: unsupported
      .map(({ operator, count, places }) => `${count} x ${operator} (first: "${places[0]}")`)
      .join(", "),
    todo: [...new Set(unsupported.map(({ todo }) => todo))].join(" "),
  });
}

/** What a person can do, by what kind of operator it is. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /^(If|Loop|Scan|IF|WHILE|CALL.*)$/,
    "Control flow depends on data: trace the model with fixed shapes, or take the loop out of it.",
  ],
  [
    /^(NonMaxSuppression.*|TopK|TOPK_V2|Unique|UNIQUE|NonZero|WHERE|Where)$/,
    "Cut the model before its post-processing and do that step in the application.",
  ],
  [
    /^(LSTM|GRU|RNN|UNIDIRECTIONAL_.*|BIDIRECTIONAL_.*)$/,
    "Export the recurrent layer with constant weights, forward, from PyTorch or Keras to ONNX.",
  ],
  [/^(Conv3D|CONV_3D.*|AveragePool3D|MaxPool3D)$/, "Use 1-D or 2-D convolutions."],
  [
    /^(CUSTOM |FLEX|Flex|com\.|org\.|ai\.)/,
    "An operator of one vendor: export with the standard operators only.",
  ],
  [/(Integer|QLinear.*)$/, "Export the quantized model in the QDQ form."],
  [
    /^(Lambda|SlicingOpLambda|TFOpLambda|.*>.*)$/,
    "It is Python code, of which the file holds no meaning: replace it by Keras layers, or export the model as TensorFlow Lite.",
  ],
  [/^(ConvLSTM.*|RNN|StackedRNNCells)$/, "Use LSTM, GRU, SimpleRNN or Bidirectional."],
  [/^(Masking|StringLookup|TextVectorization|Hashing|CategoryEncoding)$/, "Do that step in the application."],
];

function adviceFor(operator: string): string {
  const found = ADVICE.find(([pattern]) => pattern.test(operator));
  return found?.[1] ?? "Replace it by supported operators before export, or cut the model there.";
}
