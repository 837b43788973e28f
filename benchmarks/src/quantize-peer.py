"""onnxruntime's quantize_static, from a float model and samples to a written int8 model, as its documentation does it.

usage: quantize-peer.py FLOAT.onnx SAMPLES.npy OUT.onnx
Samples are channels-last, as Mote takes them. Prints one JSON line with the version and the peak memory in bytes.
Needs onnxruntime, onnx and numpy.
"""

import json
import resource
import sys

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Samples(CalibrationDataReader):
    def __init__(self, name, x):
        self.items = ({name: sample.transpose(2, 0, 1)[None]} for sample in x)

    def get_next(self):
        return next(self.items, None)


def main():
    model, samples, out = sys.argv[1:4]
    # The fairest reading of its memory: samples stay on the disk until they are read.
    x = np.load(samples, mmap_mode="r")
    ready = out + ".ready.onnx"
    quant_pre_process(model, ready, skip_symbolic_shape=True)
    name = ort.InferenceSession(ready, providers=["CPUExecutionProvider"]).get_inputs()[0].name
    quantize_static(
        ready,
        out,
        Samples(name, x),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"version": ort.__version__, "peakBytes": peak}))


main()
