import type { Kind } from "../layout.js";
import type { RowForm } from "../row-form.js";

/** What the producer decides; writer.ts puts it into bits. Offsets and lengths in bytes. */
export type Operation =
  | { readonly kind: "bytes"; readonly length: number }
  | { readonly kind: "copyBase"; readonly offset: number; readonly length: number }
  | { readonly kind: "copyResult"; readonly distance: number; readonly length: number }
  | Codes
  | Words
  | {
      readonly kind: "product";
      readonly distance: number;
      readonly length: number;
      /** A float32. */
      readonly factor: number;
    };

export interface Codes {
  readonly kind: "codes";
  /** In the base; null: against zero. */
  readonly offset: number | null;
  readonly length: number;
  readonly rowLength: number;
  readonly form: RowForm;
  readonly depth: number;
  readonly hasFlags: boolean;
  /** Adaptive bits go on from the codes before. */
  readonly keeps: boolean;
  /** As many for each row as the form has channels, whether they changed or not; null where no scale moved. */
  readonly ratios: Int16Array | null;
}

export interface Words {
  readonly kind: "words";
  readonly offset: number;
  readonly length: number;
  readonly dtype: "float32" | "int32";
  /** Of int32 and of bit patterns: bits by which all residuals are shifted. */
  readonly shift: number;
  /** float32 on the grid of scales. */
  readonly isGrid: boolean;
}

export type OperationOf<K extends Kind> = Extract<Operation, { kind: K }>;
