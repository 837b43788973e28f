"""Runs a .tflite in LiteRT with its reference kernels. stdin: input bytes; stdout: the bytes of all outputs."""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

interpreter = Interpreter(
    model_path=sys.argv[1],
    experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
)
interpreter.allocate_tensors()
raw = sys.stdin.buffer.read()
for detail in interpreter.get_input_details():
    size = int(np.prod(detail["shape"])) * np.dtype(detail["dtype"]).itemsize
    data, raw = raw[:size], raw[size:]
    interpreter.set_tensor(detail["index"], np.frombuffer(data, detail["dtype"]).reshape(detail["shape"]))
interpreter.invoke()
for detail in interpreter.get_output_details():
    sys.stdout.buffer.write(interpreter.get_tensor(detail["index"]).tobytes())
