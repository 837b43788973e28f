import { ModelFormatError, UnsupportedError } from "../../errors.js";

/** JSON as it comes: nothing is known of it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Elements that one length may have at most: beyond it nothing fits a small device, and a product stays exact. */
const LONGEST = 2 ** 24;

/** What one layer's config says, each field checked when it is asked for. */
export class LayerConfig {
  constructor(
    /** "Conv2D "conv1"", for messages. */
    readonly place: string,
    readonly fields: JsonObject,
  ) {}

  has(key: string): boolean {
    return this.fields[key] !== undefined && this.fields[key] !== null;
  }

  /** The first of `keys` that is there: names of fields changed between versions of Keras. */
  number(keys: string | readonly string[], byDefault?: number): number {
    for (const key of typeof keys === "string" ? [keys] : keys) {
      const value = this.fields[key];
      if (typeof value === "number" && Number.isFinite(value)) return value;
      if (value !== undefined && value !== null) throw this.fault(key, "a number", value);
    }
    if (byDefault === undefined) throw this.fault(String(keys), "a number", undefined);
    return byDefault;
  }

  /** A length: a whole number from `least` to what fits. */
  length(key: string, byDefault?: number, least = 1): number {
    return this.#length(key, this.number(key, byDefault), least);
  }

  boolean(key: string, byDefault: boolean): boolean {
    const value = this.fields[key];
    if (value === undefined || value === null) return byDefault;
    if (typeof value !== "boolean") throw this.fault(key, "true or false", value);
    return value;
  }

  string(key: string, byDefault: string): string {
    const value = this.fields[key];
    if (value === undefined || value === null) return byDefault;
    if (typeof value !== "string") throw this.fault(key, "a name", value);
    return value;
  }

  /** `count` lengths, given as a list or as one number for all. */
  lengths(key: string, count: number, byDefault?: number, least = 1): number[] {
    const value = this.fields[key] ?? byDefault;
    const list = Array.isArray(value) ? value : new Array<Json | undefined>(count).fill(value);
    if (list.length !== count || !list.every((entry) => typeof entry === "number")) {
      throw this.fault(key, `${count} numbers`, this.fields[key]);
    }
    return list.map((entry) => this.#length(key, entry, least));
  }

  /** One number, or a flat list of them. */
  numbers(key: string): number[] {
    const value = this.fields[key];
    const list = Array.isArray(value) ? flat(value) : [value];
    if (!list.every((entry) => typeof entry === "number" && Number.isFinite(entry))) {
      throw this.fault(key, "numbers", value);
    }
    return list as number[];
  }

  /** Throws where a field is set to what Mote has no integers and no floats for. */
  refuse(condition: boolean, what: string, todo: string): void {
    if (condition)
      throw new UnsupportedError({ expected: `${this.place} as Mote reads it`, got: what, todo });
  }

  fault(key: string, expected: string, got: Json | undefined): ModelFormatError {
    return new ModelFormatError({
      expected: `${expected} for "${key}" of ${this.place}`,
      got: got === undefined ? "nothing" : JSON.stringify(got).slice(0, 200),
      todo: "The file's configuration is damaged: save the model again.",
    });
  }

  #length(key: string, value: number, least: number): number {
    if (!Number.isInteger(value) || value < least || value > LONGEST) {
      throw this.fault(key, `a whole number from ${least} to ${LONGEST}`, value);
    }
    return value;
  }
}

function flat(value: readonly Json[]): Json[] {
  return value.flatMap((entry) => (Array.isArray(entry) ? flat(entry) : [entry as Json]));
}
