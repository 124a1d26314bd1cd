#!/usr/bin/env python3
"""Operations of the real Keras in float64, for tests/unit/test_reference.c.

    python tools/reference/make_keras_operations.py tests/golden

writes keras_operations.csv: of each case the output, the gradients of the inputs and of the weights
of sum(dy * y), and the moving averages after it. All numbers that go in come from formula.py.

Rows: case,what,count,values.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf
from keras import layers

import formula

keras.config.set_floatx("float64")

SEED_X, SEED_SIDE, SEED_ROLE, SEED_DY = 1, 2, 10, 20
ROLES = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
NORM = {"momentum": 0.75, "epsilon": 0.0625}


def batch_norm(**options):
    return layers.BatchNormalization(**NORM, **options)


def act(name):
    return layers.Activation(name)


# name: layer, shapes of the inputs, and what is not the default
CASES = {
    "conv2d": (layers.Conv2D(4, (2, 3)), [(5, 6, 3)]),
    "conv2d_same_stride_2": (
        layers.Conv2D(3, (3, 4), strides=2, padding="same", use_bias=False),
        [(6, 7, 2)],
    ),
    "conv2d_same_dilation": (
        layers.Conv2D(3, (3, 2), dilation_rate=(2, 3), padding="same"),
        [(5, 7, 2)],
    ),
    "conv2d_groups": (layers.Conv2D(9, (2, 3), groups=3), [(5, 4, 6)]),
    "depthwise": (
        layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
        [(6, 5, 3)],
    ),
    "dense": (layers.Dense(7), [(13,)], {"batch": 3}),
    "maxpool": (layers.MaxPooling2D((2, 3)), [(5, 7, 3)]),
    "maxpool_same_overlapping": (
        layers.MaxPooling2D((3, 4), strides=2, padding="same"),
        [(6, 5, 2)],
    ),
    "avgpool": (layers.AveragePooling2D((3, 2), strides=2), [(5, 7, 3)]),
    "avgpool_same_overlapping": (
        layers.AveragePooling2D((3, 4), strides=2, padding="same"),
        [(6, 5, 2)],
    ),
    "global_avgpool": (layers.GlobalAveragePooling2D(), [(3, 5, 4)]),
    "global_maxpool": (layers.GlobalMaxPooling2D(keepdims=True), [(3, 5, 4)]),
    "zero_pad": (layers.ZeroPadding2D(((1, 2), (3, 4))), [(3, 2, 3)]),
    "rescale": (
        layers.Normalization(mean=[0.5, -1.0, 2.25], variance=[0.25, 4.0, 16.0]),
        [(3, 2, 3)],
    ),
    "batch_norm": (batch_norm(), [(3, 4, 3)], {"training": True}),
    "batch_norm_defaults": (
        layers.BatchNormalization(),
        [(3, 4, 3)],
        {"training": True},
    ),
    "batch_norm_vector": (batch_norm(), [(5,)], {"training": True, "batch": 6}),
    "batch_norm_plain": (
        batch_norm(scale=False, center=False),
        [(2, 3, 4)],
        {"training": True},
    ),
    "batch_norm_inference": (batch_norm(), [(3, 4, 3)]),
    "batch_norm_frozen": (batch_norm(), [(3, 4, 3)], {"training": True, "frozen": True}),
    "dropout_inference": (layers.Dropout(0.4), [(3, 4, 5)]),
    "add": (layers.Add(), [(3, 2, 3)] * 3),
    "multiply": (layers.Multiply(), [(3, 2, 3)] * 2),
    "multiply_channels": (layers.Multiply(), [(3, 2, 3), (1, 1, 3)]),
    "concat": (layers.Concatenate(), [(3, 2, 3), (3, 2, 1), (3, 2, 5)]),
    "concat_vectors": (layers.Concatenate(), [(4,), (3,)]),
    "flatten": (layers.Flatten(), [(3, 4, 5)]),
    "reshape": (layers.Reshape((2, 3, 4)), [(24,)]),
    "relu": (layers.ReLU(), [(3, 4, 5)]),
    "relu6": (layers.ReLU(6), [(3, 4, 5)], {"scale": 12}),
    "sigmoid": (act("sigmoid"), [(60,)], {"scale": 4}),
    "silu": (act("silu"), [(60,)], {"scale": 4}),
    "gelu": (act("gelu"), [(60,)], {"scale": 4}),
    "softplus": (act("softplus"), [(60,)], {"scale": 4}),
    "tanh": (act("tanh"), [(60,)], {"scale": 4}),
}


def numbers(seed, shape, scale=1.0):
    return tf.constant(formula.symmetric(seed, shape, scale).astype(np.float64))


def role_of(weight):
    return ROLES.index(weight.name)


def set_weights(layer):
    for weight in layer.weights:
        middle = 1.5 if weight.name == "moving_variance" else 0.0
        weight.assign(middle + numbers(SEED_ROLE + role_of(weight), weight.shape))


def run(layer, shapes, batch=2, scale=1.0, training=False, frozen=False):
    """The layer's arrays, by name."""
    inputs = [
        numbers(SEED_SIDE + i - 1 if i else SEED_X, (batch, *shape), 1.0 if i else scale)
        for i, shape in enumerate(shapes)
    ]
    layer.build([tuple(i.shape) for i in inputs] if len(inputs) > 1 else inputs[0].shape)
    set_weights(layer)
    weights, averages = layer.trainable_weights, layer.non_trainable_weights
    trained = [w.value for w in weights]
    layer.trainable = not frozen
    with tf.GradientTape() as tape:
        tape.watch(inputs + trained)
        given = inputs if len(inputs) > 1 else inputs[0]
        is_norm = isinstance(layer, layers.BatchNormalization)
        y = layer(given, training=training) if is_norm else layer(given)
        loss = tf.reduce_sum(y * numbers(SEED_DY, y.shape))
    gradients = tape.gradient(loss, inputs + trained)
    arrays = {"y": y}
    names = ["dx"] + [f"dside{i}" for i in range(len(inputs) - 1)]
    names += [ROLES[role_of(w)] for w in weights]
    arrays.update(zip(names, gradients, strict=True))
    arrays.update({w.name: w.value for w in averages})
    return arrays


def write(path):
    with open(path, "w", encoding="ascii") as stream:
        stream.write(
            f"# tools/reference/make_keras_operations.py, Keras {keras.__version__}, "
            f"TensorFlow {tf.__version__}, CPU, float64; see there\ncase,what,count,values\n"
        )
        for name, (layer, shapes, *options) in CASES.items():
            for what, array in run(layer, shapes, **(options[0] if options else {})).items():
                values = np.asarray(array).ravel()
                row = ",".join(f"{v:.9g}" for v in values)
                stream.write(f"{name},{what},{values.size},{row}\n")


if __name__ == "__main__":
    write(os.path.join(sys.argv[1], "keras_operations.csv"))
