"""onnxruntime's quantize_static on the same calibration samples: predictions for the same test samples.

usage: accuracy-peer.py FLOAT.onnx CALIBRATION.npz TEST.npz
Prints one JSON line: {"version": ..., "predicted": [...]}. Needs onnxruntime, onnx and numpy.
"""

import json
import sys
import tempfile

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Samples(CalibrationDataReader):
    def __init__(self, name, shape, x):
        self.items = iter([{name: sample.reshape(shape)} for sample in x])

    def get_next(self):
        return next(self.items, None)


def main():
    model, calibration, test = sys.argv[1:4]
    source = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in source.shape]
    with tempfile.TemporaryDirectory() as folder:
        # Its own recipe: fold batch norms first, then static QDQ, weights per channel, ranges by min-max.
        quant_pre_process(model, f"{folder}/ready.onnx", skip_symbolic_shape=True)
        quantize_static(
            f"{folder}/ready.onnx",
            f"{folder}/int8.onnx",
            Samples(source.name, shape, np.load(calibration)["x"]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        session = ort.InferenceSession(f"{folder}/int8.onnx", providers=["CPUExecutionProvider"])
        predicted = [
            int(np.argmax(session.run(None, {source.name: sample.reshape(shape)})[0])) for sample in np.load(test)["x"]
        ]
    print(json.dumps({"version": ort.__version__, "predicted": predicted}))


main()
