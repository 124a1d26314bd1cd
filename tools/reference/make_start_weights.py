#!/usr/bin/env python3
"""Files of one network in each layout of Keras, for tests/unit/test_start_weights.c.

    python tools/reference/make_start_weights.py tests/golden

with Keras 3 (requirements.txt) writes start_model.keras, start_model.h5 and start.weights.h5. Of the
network without its first two layers it writes start_headless.keras, which ends in the sum, as with
include_top=False, start_pooled.keras, which ends in the mean, and start_predictions.csv: predictions of
images whose three channels are equal (gray), and of color images whose channels are read in reverse
order (bgr). With TF_USE_LEGACY_KERAS=1 and tf_keras, or with TensorFlow 2.15
(requirements_keras2.txt), it writes start_keras2.h5, the weights alone in the layout of
keras.applications. All have the same weights, functions of their names.
"""

import os
import sys
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
from tensorflow import keras

import formula

layers = keras.layers
UNITS = 5
IMAGES = 3


def network(scaled=True, end="head"):
    """Images of any size with three channels; a model inside, which may be frozen."""
    encoder = keras.Sequential(
        [
            keras.Input((None, None, 6)),
            layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.ReLU(name="relu"),
            layers.DepthwiseConv2D(3, padding="same", name="depthwise"),
        ],
        name="encoder",
    )
    inputs = keras.Input((None, None, 3), name="images")
    x = inputs
    if scaled:
        x = layers.Rescaling(2.0, offset=-1.0, name="scale")(x)
        x = layers.Normalization(name="normalization")(x)
    x = layers.ZeroPadding2D(1, name="pad")(x)
    x = layers.Conv2D(6, 3, strides=2, name="stem_conv")(x)
    x = layers.BatchNormalization(scale=False, name="stem_bn")(x)
    x = layers.Add(name="sum")([encoder(x), x])
    if end == "sum":
        return keras.Model(inputs, x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    if end == "pool":
        return keras.Model(inputs, x)
    return keras.Model(inputs, layers.Dense(UNITS, activation="sigmoid", name="head")(x))


def value(layer, name, shape):
    """Of a weight by its layer and name; gammas and variances are around 1."""
    seed = zlib.crc32(f"{layer}/{name}".encode()) % 1000
    around = 1.0 if name in ("gamma", "moving_variance", "variance") else 0.0
    return around + formula.symmetric(seed, shape, 0.5)


def set_weights(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            set_weights(layer)
            continue
        values = []
        for weight in layer.weights:
            name = weight.name.split("/")[-1].split(":")[0].removeprefix("depthwise_")
            if name == "count":
                values.append(np.ones(weight.shape, weight.numpy().dtype))
            else:
                values.append(value(layer.name, name, tuple(weight.shape)))
        layer.set_weights(values)


def write_predictions(path):
    model = network(scaled=False)
    set_weights(model)
    gray = np.repeat(formula.images(0, IMAGES, (12, 10, 1)), 3, axis=-1)
    color = formula.images(0, IMAGES, (12, 10, 3))
    with open(path, "w") as out:
        print(f"# tools/reference/make_start_weights.py, Keras {keras.__version__}", file=out)
        print("images,image," + ",".join(f"class{i}" for i in range(UNITS)), file=out)
        for name, images in (("gray", gray), ("bgr", color[..., ::-1])):
            for i, row in enumerate(model.predict(images / np.float32(255), verbose=0)):
                print(name, i, *(f"{p:.9g}" for p in row), sep=",", file=out)


def main(directory):
    model = network()
    model.get_layer("normalization").adapt(np.zeros((1, 2, 2, 3), np.float32))
    set_weights(model)
    if getattr(keras, "__version__", "2").startswith("3."):
        from make_keras_models import deflate

        model.save(os.path.join(directory, "start_model.keras"))
        deflate(os.path.join(directory, "start_model.keras"))
        model.save(os.path.join(directory, "start_model.h5"))
        model.save_weights(os.path.join(directory, "start.weights.h5"))
        for name, end in (("start_headless.keras", "sum"), ("start_pooled.keras", "pool")):
            part = network(scaled=False, end=end)
            set_weights(part)
            part.save(os.path.join(directory, name))
            deflate(os.path.join(directory, name))
        write_predictions(os.path.join(directory, "start_predictions.csv"))
    else:
        model.save_weights(os.path.join(directory, "start_keras2.h5"))


main(sys.argv[1])
