import { UnsupportedError } from "../../errors.js";
import type { Operator, OperatorOf, Tensor } from "../../graph/graph.js";
import { broadcastIndex } from "./broadcast.js";
import { requantizeCode } from "./convert.js";
import { clamp } from "./fixed-point.js";
import {
  affine,
  codeOf,
  codeRange,
  elementCount,
  input,
  type KernelContext,
  output,
  sameAffine,
  strides,
} from "./kernel.js";

/**
 * Operators that move codes and compute nothing. TFLite requires their inputs and outputs to share a scale; models from
 * elsewhere may not, and then each code is requantized as REQUANTIZE would.
 */
function conversion(from: Tensor, to: Tensor, context: KernelContext): ((code: number) => number) | null {
  if (from.quantization === undefined || to.quantization === undefined || sameAffine(from, to)) return null;
  return requantizeCode(from, to, context.rounding);
}

/** result[i] = source[index[i]], or the fill value where the index is negative. */
function prepareGatherByIndex(
  sourceName: string,
  targetName: string,
  index: Int32Array | null,
  fill: number,
  context: KernelContext,
): () => void {
  const source = context.buffer(sourceName);
  const result = context.buffer(targetName);
  const convert = conversion(context.tensor(sourceName), context.tensor(targetName), context);
  return () => {
    for (let i = 0; i < result.length; i++) {
      const from = index === null ? i : index[i]!;
      if (from < 0) result[i] = fill;
      else result[i] = convert === null ? source[from]! : convert(source[from]!);
    }
  };
}

/** Index table of an operator whose output element at `position` comes from `sourceOf(position)`. */
function indexTable(shape: readonly number[], sourceOf: (position: readonly number[]) => number): Int32Array {
  const steps = strides(shape);
  const index = new Int32Array(elementCount(shape));
  const position = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < index.length; i++) {
    let rest = i;
    for (let axis = 0; axis < shape.length; axis++) {
      position[axis] = Math.floor(rest / steps[axis]!);
      rest -= position[axis]! * steps[axis]!;
    }
    index[i] = sourceOf(position);
  }
  return index;
}

export function prepareReshape(operator: OperatorOf<"reshape">, context: KernelContext): () => void {
  return prepareGatherByIndex(input(operator, 0), output(operator), null, 0, context);
}

export function prepareTranspose(operator: OperatorOf<"transpose">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const steps = strides(source.shape);
  const { permutation } = operator.attributes;
  const index = indexTable(context.tensor(output(operator)).shape, (position) =>
    position.reduce((at, p, axis) => at + p * steps[permutation[axis]!]!, 0),
  );
  return prepareGatherByIndex(source.name, output(operator), index, 0, context);
}

export function prepareSlice(operator: OperatorOf<"slice">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const steps = strides(source.shape);
  const { begin, strides: stride } = operator.attributes;
  const index = indexTable(context.tensor(output(operator)).shape, (position) =>
    position.reduce((at, p, axis) => at + (begin[axis]! + p * stride[axis]!) * steps[axis]!, 0),
  );
  return prepareGatherByIndex(source.name, output(operator), index, 0, context);
}

export function prepareSplit(operator: OperatorOf<"split">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const steps = strides(source.shape);
  const axis =
    operator.attributes.axis < 0 ? operator.attributes.axis + source.shape.length : operator.attributes.axis;
  let begin = 0;
  const parts = operator.outputs.map((name, part) => {
    const offset = begin * steps[axis]!;
    begin += operator.attributes.sizes[part]!;
    const index = indexTable(context.tensor(name).shape, (position) =>
      position.reduce((at, p, dimension) => at + p * steps[dimension]!, offset),
    );
    return prepareGatherByIndex(source.name, name, index, 0, context);
  });
  return () => {
    for (const part of parts) part();
  };
}

/** Where an index runs off one end: clamped to it (edge), or mirrored without repeating it (reflect). */
function foldIndex(at: number, extent: number, mode: "edge" | "reflect"): number {
  if (mode === "edge") return Math.min(Math.max(at, 0), extent - 1);
  return at < 0 ? -at : at >= extent ? 2 * extent - 2 - at : at;
}

export function preparePad(operator: OperatorOf<"pad">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const steps = strides(source.shape);
  const { before, mode, value } = operator.attributes;
  const index = indexTable(target.shape, (position) => {
    let at = 0;
    for (let axis = 0; axis < position.length; axis++) {
      const extent = source.shape[axis]!;
      let from = position[axis]! - before[axis]!;
      if (from < 0 || from >= extent) {
        if (mode === "constant") return -1;
        from = foldIndex(from, extent, mode);
      }
      at += from * steps[axis]!;
    }
    return at;
  });
  const { min, max } = target.dtype === "float32" ? { min: value, max: value } : codeRange(target);
  const fill = target.quantization === undefined ? value : clamp(codeOf(value, affine(target)), min, max);
  return prepareGatherByIndex(source.name, target.name, index, fill, context);
}

export function prepareExpand(operator: OperatorOf<"expand">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const index = broadcastIndex(source.shape, context.tensor(output(operator)).shape);
  return prepareGatherByIndex(source.name, output(operator), index, 0, context);
}

export function prepareTile(operator: OperatorOf<"tile">, context: KernelContext): () => void {
  const source = context.tensor(input(operator, 0));
  const steps = strides(source.shape);
  const index = indexTable(context.tensor(output(operator)).shape, (position) =>
    position.reduce((at, p, axis) => at + (p % source.shape[axis]!) * steps[axis]!, 0),
  );
  return prepareGatherByIndex(source.name, output(operator), index, 0, context);
}

/** Source row or column of each output row or column, in float32 as reference_ops::ResizeNearestNeighbor. */
function nearest(
  at: number,
  inputSize: number,
  outputSize: number,
  alignCorners: boolean,
  halfPixelCenters: boolean,
): number {
  const scale =
    alignCorners && outputSize > 1
      ? Math.fround((inputSize - 1) / (outputSize - 1))
      : Math.fround(inputSize / outputSize);
  const scaled = Math.fround((at + (halfPixelCenters ? 0.5 : 0)) * scale);
  const index = alignCorners ? Math.floor(scaled + 0.5) : Math.floor(scaled);
  return Math.max(Math.min(index, inputSize - 1), 0);
}

export function prepareResizeNearest(
  operator: OperatorOf<"resizeNearest">,
  context: KernelContext,
): () => void {
  const source = context.tensor(input(operator, 0));
  const target = context.tensor(output(operator));
  const { alignCorners, halfPixelCenters } = operator.attributes;
  const steps = strides(source.shape);
  const index = indexTable(target.shape, (position) =>
    position.reduce((at, p, axis) => {
      const from =
        axis === 1 || axis === 2
          ? nearest(p, source.shape[axis]!, target.shape[axis]!, alignCorners, halfPixelCenters)
          : p;
      return at + from * steps[axis]!;
    }, 0),
  );
  return prepareGatherByIndex(source.name, target.name, index, 0, context);
}

export function prepareConcat(operator: OperatorOf<"concat">, context: KernelContext): () => void {
  const target = context.tensor(output(operator));
  if (operator.attributes.activation !== "none") refuseActivation(operator);
  const axis =
    operator.attributes.axis < 0 ? operator.attributes.axis + target.shape.length : operator.attributes.axis;
  const result = context.buffer(target.name);
  const row = elementCount(target.shape.slice(axis));
  const rows = elementCount(target.shape.slice(0, axis));
  let offset = 0;
  const parts = operator.inputs.map((name) => {
    const tensor = context.tensor(name);
    const part = { codes: context.buffer(name), length: elementCount(tensor.shape.slice(axis)), offset };
    offset += part.length;
    return { ...part, convert: conversion(tensor, target, context) };
  });
  return () => {
    for (const { codes, length, offset: start, convert } of parts) {
      for (let r = 0; r < rows; r++) {
        for (let i = 0; i < length; i++) {
          const code = codes[r * length + i]!;
          result[r * row + start + i] = convert === null ? code : convert(code);
        }
      }
    }
  };
}

/** Indices are constants or an integer input; out-of-range ones would read foreign memory in C, so they are clamped. */
export function prepareGather(operator: OperatorOf<"gather">, context: KernelContext): () => void {
  const table = context.tensor(input(operator, 0));
  const axis =
    operator.attributes.axis < 0 ? operator.attributes.axis + table.shape.length : operator.attributes.axis;
  const indexName = input(operator, 1);
  const fixed = context.constant(indexName);
  const codes = context.buffer(table.name);
  const result = context.buffer(output(operator));
  const convert = conversion(table, context.tensor(output(operator)), context);
  const extent = table.shape[axis]!;
  const inner = elementCount(table.shape.slice(axis + 1));
  const outer = elementCount(table.shape.slice(0, axis));
  return () => {
    const indices = fixed ?? context.buffer(indexName);
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < indices.length; k++) {
        const wanted = indices[k]! < 0 ? indices[k]! + extent : indices[k]!;
        const from = (o * extent + Math.min(Math.max(wanted, 0), extent - 1)) * inner;
        for (let i = 0; i < inner; i++) {
          result[at++] = convert === null ? codes[from + i]! : convert(codes[from + i]!);
        }
      }
    }
  };
}

function refuseActivation(operator: Operator): never {
  throw new UnsupportedError({
    expected: `${operator.kind} "${operator.name}" without a fused activation`,
    got: "one",
    todo: "Put the activation into an operator of its own.",
  });
}
