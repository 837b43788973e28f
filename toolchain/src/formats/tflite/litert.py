"""
Runs .tflite files in LiteRT with its reference kernels; its plain built-in ones where the reference resolver lacks an
operator (ELU, CEIL).
  litert.py MODEL    stdin: input bytes, for one run or several; stdout: the bytes of all outputs
  litert.py FOLDER   for each NAME.tflite: NAME.in -> NAME.out, or NAME.err with what LiteRT says against the file
"""

import io
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def load(path):
    try:
        return Interpreter(
            model_path=str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
        )
    except ValueError as error:
        if "'ELU'" not in str(error) and "'CEIL'" not in str(error):
            raise
        return Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )


def run(path, raw):
    interpreter = load(path)
    interpreter.allocate_tensors()
    out = io.BytesIO()
    while raw:
        for detail in interpreter.get_input_details():
            size = int(np.prod(detail["shape"])) * np.dtype(detail["dtype"]).itemsize
            data, raw = raw[:size], raw[size:]
            interpreter.set_tensor(
                detail["index"], np.frombuffer(data, detail["dtype"]).reshape(detail["shape"])
            )
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            out.write(interpreter.get_tensor(detail["index"]).tobytes())
    return out.getvalue()


target = pathlib.Path(sys.argv[1])
if target.is_dir():
    for model in sorted(target.glob("*.tflite")):
        try:
            result = run(model, model.with_suffix(".in").read_bytes())
            model.with_suffix(".out").write_bytes(result)
        except (RuntimeError, ValueError) as error:
            model.with_suffix(".err").write_text(str(error))
else:
    sys.stdout.buffer.write(run(target, sys.stdin.buffer.read()))
