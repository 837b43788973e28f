"""onnxruntime beside Mote: quantize_static on the same samples, or a written model run as it is.

usage: peer.py quantize FLOAT.onnx CALIBRATION.npz TEST.npz OUTPUTS.bin
       peer.py run MODEL.onnx TEST.npz OUTPUTS.bin
Writes the first output of every test sample as float32, one after the other; prints onnxruntime's version as JSON.
Needs onnxruntime, onnx and numpy.
"""

import json
import sys
import tempfile

import numpy as np
import onnxruntime as ort


def run(model, test, outputs):
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in source.shape]
    with open(outputs, "wb") as file:
        for sample in np.load(test)["x"]:
            result = session.run(None, {source.name: sample.reshape(shape)})[0]
            file.write(np.ascontiguousarray(result, dtype="<f4").tobytes())


def quantize(model, calibration, test, outputs):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in source.shape]

    class Samples(CalibrationDataReader):
        def __init__(self):
            self.items = iter([{source.name: sample.reshape(shape)} for sample in np.load(calibration)["x"]])

        def get_next(self):
            return next(self.items, None)

    with tempfile.TemporaryDirectory() as folder:
        # Its own recipe: fold batch norms first, then static QDQ, weights per channel, ranges by min-max.
        quant_pre_process(model, f"{folder}/ready.onnx", skip_symbolic_shape=True)
        quantize_static(
            f"{folder}/ready.onnx",
            f"{folder}/int8.onnx",
            Samples(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        run(f"{folder}/int8.onnx", test, outputs)


{"quantize": quantize, "run": run}[sys.argv[1]](*sys.argv[2:])
print(json.dumps({"version": ort.__version__}))
