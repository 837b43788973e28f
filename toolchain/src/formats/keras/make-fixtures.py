"""Makes the models that the Keras reader is tested on, with what Keras itself computes for them.

usage: make-fixtures.py FOLDER PREFIX ENDING
  KERAS_BACKEND=jax make-fixtures.py fixtures keras3 .keras    # Keras 3 with JAX
  KERAS_BACKEND=jax make-fixtures.py fixtures keras3 .h5
  make-fixtures.py fixtures keras2 .h5                         # TensorFlow 2.15, the last with Keras 2

Writes FOLDER/PREFIX-NAME.ENDING.gz for every model (HDF5 is mostly zeros), and FOLDER/PREFIX.ENDING.golden.json with inputs
and expected outputs.
"""

import gzip
import json
import os
import sys
import tempfile

import numpy as np

try:
    import tensorflow as tf

    keras = tf.keras
    VERSION = tf.__version__
except ImportError:
    import keras

    VERSION = keras.__version__

layers = keras.layers
IS_3 = VERSION.startswith("3")
rng = np.random.default_rng(1)


def dense():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(4, activation="tanh", use_bias=False),
            layers.ActivityRegularization(0.1),
            layers.Dense(3, activation="softmax", name="scores"),
        ]
    )


def activations():
    x = keras.Input((4,), name="x")
    names = ["relu", "elu", "selu", "gelu", "softplus", "softsign", "swish", "sigmoid", "hard_sigmoid", "exponential"]
    if IS_3:
        names += ["leaky_relu", "relu6", "hard_silu", "mish", "log_softmax", "hard_tanh", "log_sigmoid"]
    made = [layers.Activation(name)(x) for name in names]
    made += [layers.ReLU()(x), layers.ReLU(6.0)(x), layers.ReLU(1.5)(x), layers.LeakyReLU()(x), layers.ELU(0.5)(x)]
    made += [layers.PReLU()(x), layers.Softmax()(x), layers.ReLU(negative_slope=0.25)(x)]
    return keras.Model(x, layers.Concatenate()(made))


def conv2d():
    x = keras.Input((9, 8, 3), name="image")
    y = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(y)
    y = layers.ZeroPadding2D(((1, 0), (0, 2)))(y)
    y = layers.Conv2D(4, (2, 3), dilation_rate=(2, 1), groups=1 if not IS_3 else 2, activation="swish")(y)
    a = layers.MaxPooling2D(2, padding="same")(y)
    b = layers.AveragePooling2D(2, padding="same")(y)
    y = layers.Concatenate()([a, b])
    y = layers.SpatialDropout2D(0.2)(y)
    return keras.Model(x, [layers.GlobalAveragePooling2D()(y), layers.GlobalMaxPooling2D()(y), layers.Flatten()(y)])


def depthwise():
    x = keras.Input((7, 6, 3), name="image")
    y = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, activation="relu")(x)
    y = layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2)(y)
    y = layers.ReLU(6.0)(y)
    return keras.Model(x, layers.GlobalAveragePooling2D(keepdims=True)(y))


def transpose():
    x = keras.Input((3, 4, 2), name="image")
    same = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu")(x)
    valid = layers.Conv2DTranspose(2, (2, 4), strides=3)(x)
    even = layers.Conv2DTranspose(2, 4, strides=2, padding="same", use_bias=False)(x)
    line = layers.Conv1DTranspose(2, 3, strides=2, padding="same")(layers.Reshape((6, 4))(x))
    return keras.Model(x, [same, valid, even, line])


def conv1d():
    x = keras.Input((12, 3), name="window")
    y = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    y = layers.BatchNormalization(scale=False)(y)
    y = layers.ZeroPadding1D((2, 1))(y)
    y = layers.SeparableConv1D(4, 3, padding="same")(y)
    a = layers.MaxPooling1D(2)(y)
    b = layers.AveragePooling1D(3, strides=2, padding="same")(y)
    b = layers.Cropping1D((0, 1))(b)
    y = layers.Add()([a, b])
    y = layers.Activation("tanh")(layers.DepthwiseConv1D(3, strides=1)(y))
    return keras.Model(x, [layers.GlobalAveragePooling1D()(y), layers.GlobalMaxPooling1D()(y), y])


def resize():
    x = keras.Input((3, 4, 2), name="image")
    nearest = layers.UpSampling2D((2, 3))(x)
    bilinear = layers.UpSampling2D(2, interpolation="bilinear")(x)
    line = layers.UpSampling1D(3)(layers.Reshape((4, 6))(x))
    cropped = layers.Cropping2D(((1, 0), (1, 2)))(nearest)
    smaller = layers.Resizing(5, 7)(x)
    return keras.Model(x, [nearest, bilinear, line, cropped, smaller])


def shape():
    x = keras.Input((4, 6), name="x")
    y = layers.Permute((2, 1))(x)
    y = layers.Reshape((2, -1, 3))(y)
    z = layers.RepeatVector(3)(layers.Flatten()(y))
    return keras.Model(x, [y, z, layers.Dense(2)(y)])


def merge():
    a, b = keras.Input((3, 4), name="a"), keras.Input((3, 4), name="b")
    kinds = [layers.Add, layers.Subtract, layers.Multiply, layers.Maximum, layers.Minimum, layers.Average]
    made = [kind()([a, b]) for kind in kinds]
    made.append(layers.Multiply()([a, layers.Cropping1D((1, 1))(b)]))
    return keras.Model([a, b], layers.Concatenate(axis=1)(made))


def normalize():
    x = keras.Input((5, 3), name="x")
    adapted = layers.Normalization()
    adapted.adapt(rng.normal(3, 2, (40, 5, 3)).astype(np.float32))
    y = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5])(adapted(x))
    y = layers.LayerNormalization()(layers.Rescaling(1 / 2.5, offset=-0.5)(y))
    z = layers.LayerNormalization(axis=[1, 2], scale=False)(y)
    return keras.Model(x, [y, z])


def recurrent():
    x = keras.Input((5, 3), name="x")
    y = layers.LSTM(4, return_sequences=True)(x)
    last, h, c = layers.LSTM(3, return_state=True, use_bias=False)(y)
    again = layers.LSTM(3)(y, initial_state=[h, c])
    g = layers.GRU(4, return_sequences=True)(y)
    old = layers.GRU(3, reset_after=False)(g)
    back = layers.GRU(2, go_backwards=True)(g)
    plain = layers.SimpleRNN(3, activation="relu")(y)
    return keras.Model(x, layers.Concatenate()([last, c, again, old, back, plain]))


def bidirectional():
    x = keras.Input((4, 3), name="x")
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    z = layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode="sum")(y)
    made = [layers.Bidirectional(layers.LSTM(2))(z), layers.Bidirectional(layers.GRU(2), merge_mode="mul")(z)]
    made.append(layers.Bidirectional(layers.SimpleRNN(2), merge_mode="ave")(z))
    return keras.Model(x, layers.Concatenate()(made))


def embedding():
    words = keras.Input((5,), name="words")
    y = layers.Embedding(7, 4)(words)
    y = layers.TimeDistributed(layers.Dense(3, activation="relu"))(y)
    y = layers.TimeDistributed(layers.Conv1D(2, 2))(layers.Reshape((5, 3, 1))(y))
    return keras.Model(words, layers.Dense(2)(layers.Flatten()(y)))


def nested():
    block = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization()])
    a = keras.Input((4,), name="in")
    middle = keras.Model(a, layers.Dense(4, name="back")(block(a)), name="middle")
    x = keras.Input((4,), name="x")
    shared = layers.Dense(4, activation="tanh", name="shared")
    return keras.Model(x, [middle(shared(shared(x))), block(x)])


def arithmetic():
    x = keras.Input((3, 2), name="x")
    y = (2.0 - x) * 0.5 + x
    y = y / 3.0 - x * y
    return keras.Model(x, y)


MODELS = [dense, activations, conv2d, depthwise, transpose, conv1d, resize, shape, merge, normalize]
MODELS += [recurrent, bidirectional, embedding, nested, arithmetic]


def main():
    folder, prefix, ending = sys.argv[1:4]
    os.makedirs(folder, exist_ok=True)
    expected = {}
    for make in MODELS:
        keras.backend.clear_session()
        model = make()
        # Fresh weights are all zeros and ones in places: every array is given numbers of its own.
        for weight in model.weights:
            name = getattr(weight, "path", weight.name)
            # What adapt() saw stays: Keras 2 has it settled already.
            if name in ("mean:0", "variance:0", "count:0"):
                continue
            if "normalization" in name and ("mean" in name or "variance" in name or "count" in name):
                if "moving" not in name:
                    continue
            value = rng.normal(0, 0.5, tuple(weight.shape))
            weight.assign((np.abs(value) + 0.5 if "variance" in name else value).astype(np.float32))
        name = f"{prefix}-{make.__name__}{ending}"
        with tempfile.TemporaryDirectory() as scratch:
            model.save(os.path.join(scratch, name))
            with open(os.path.join(scratch, name), "rb") as saved:
                packed = gzip.compress(saved.read(), 9, mtime=0)
        with open(os.path.join(folder, name + ".gz"), "wb") as file:
            file.write(packed)
        inputs = {}
        for tensor in model.inputs:
            size = (1, *tensor.shape[1:])
            drawn = rng.integers(0, 7, size) if make is embedding else rng.normal(0, 1.5, size)
            inputs[tensor.name.split(":")[0]] = drawn.astype(np.float32)
        outputs = model.predict([inputs[tensor.name.split(":")[0]] for tensor in model.inputs], verbose=0)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        expected[name] = {
            "inputs": {key: value.ravel().tolist() for key, value in inputs.items()},
            "outputs": [{"shape": list(value.shape), "data": np.asarray(value, np.float32).ravel().tolist()} for value in outputs],
        }
    text = json.dumps({"version": VERSION, "models": expected})
    text = json.dumps(json.loads(text, parse_float=lambda number: float(f"{float(number):.8g}")))
    with open(os.path.join(folder, f"{prefix}{ending}.golden.json"), "w") as file:
        file.write(text + "\n")


main()
