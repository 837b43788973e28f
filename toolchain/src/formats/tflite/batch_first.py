"""Turns the time-major LSTM of a .tflite (one batch) into a batch-first one, as Keras writes it. Arguments: FROM TO"""

import sys

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

with open(sys.argv[1], "rb") as file:
    model = schema.ModelT.InitFromPackedBuf(file.read())
graph = model.subgraphs[0]
for operator in graph.operators:
    if operator.builtinOptionsType == schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions:
        operator.builtinOptions.timeMajor = False
        for index in (operator.inputs[0], operator.outputs[0]):
            shape = graph.tensors[index].shape
            graph.tensors[index].shape = [shape[1], shape[0], shape[2]]
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), b"TFL3")
with open(sys.argv[2], "wb") as file:
    file.write(bytes(builder.Output()))
