import type { Kind } from "../layout.js";
import type { RecordShape } from "../records.js";

/** What the producer decides; writer.ts puts it into bits. Offsets and lengths in bytes. */
export type Operation =
  | { readonly kind: "bytes"; readonly length: number }
  | { readonly kind: "copyBase"; readonly offset: number; readonly length: number }
  | { readonly kind: "copyResult"; readonly distance: number; readonly length: number }
  | { readonly kind: "int8"; readonly length: number; readonly depth: number }
  | Int8Residual
  | {
      readonly kind: "float32Residual";
      readonly offset: number;
      readonly length: number;
      readonly isGrid: boolean;
    }
  | {
      readonly kind: "int32Residual";
      readonly offset: number;
      readonly length: number;
      readonly shift: number;
    }
  | {
      readonly kind: "float32Product";
      readonly distance: number;
      readonly length: number;
      /** A float32. */
      readonly factor: number;
    };

export interface Int8Residual {
  readonly kind: "int8Residual";
  readonly offset: number;
  readonly length: number;
  readonly rowLength: number;
  readonly depth: number;
  /** 1, 2, 4, 8 or 16: what every residual is a multiple of. */
  readonly step: number;
  readonly hasRowFlags: boolean;
  /** One per row (of records: `records.ratios` per row), whether it changed or not; null for "same codes". */
  readonly ratios: Int16Array | null;
  /** Null for rows of codes alone. */
  readonly records: RecordShape | null;
}

export type OperationOf<K extends Kind> = Extract<Operation, { kind: K }>;
