#!/usr/bin/env python3
"""Predictions and training runs of networks in Keras, for tests/unit/test_keras_networks.c.

    python tools/reference/make_keras_networks.py tests/golden

writes keras3_<network>.h5, each network with its first weights, as Keras saves it, and
keras_networks.csv: what Keras in float64 computes from them, with images and labels of formula.py.
Rows: network,run,what,layer,values. The run "start" has the predictions of the first batch, the run
"first" the gradients of the first step; those of the optimizers have the losses of 10 steps, and
weights and moving statistics after them. Dropout is off in training. The run "frozen" calls the
network with training=False, in which batch normalization uses its moving statistics.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # see make_keras_golden.py
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf
from keras import layers, optimizers

import formula

CLASSES, BATCH, STEPS = 3, 6, 10
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.01, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(1e-3),
    "adamw": lambda: optimizers.AdamW(1e-3, weight_decay=0.05),
    "frozen": lambda: optimizers.SGD(0.01, momentum=0.9),
}


def normalized(x, name, filters, kernel, strides=1):
    x = layers.Conv2D(
        filters, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-4, name=f"{name}_bn")(x)


def block(x, name, filters, strides):
    y = layers.ReLU()(normalized(x, f"{name}_1", filters, 3, strides))
    y = normalized(y, f"{name}_2", filters, 3)
    if strides > 1:
        x = normalized(x, f"{name}_0", filters, 1, strides)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, y]))


def residual():
    inputs = layers.Input((13, 10, 4))
    x = layers.ReLU(name="stem_relu")(normalized(inputs, "stem", 5, 3))
    x = block(x, "a", 5, 1)
    x = block(x, "b", 7, 2)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="sigmoid", name="head")(x))


def squeezed(x):
    """Squeeze and excitation."""
    channels = x.shape[-1]
    y = layers.GlobalAveragePooling2D(name="squeeze")(x)
    y = layers.Reshape((1, 1, channels), name="reshape")(y)
    y = layers.Conv2D(3, 1, activation="swish", name="reduce")(y)
    y = layers.Conv2D(channels, 1, activation="sigmoid", name="expand")(y)
    return layers.Multiply(name="excite")([x, y])


def blocks():
    """What the networks of keras.applications are built of, and names that hpac has to change."""
    inputs = layers.Input((11, 9, 3))
    x = layers.Rescaling(2.0, offset=-0.5, name="rescaling")(inputs)
    x = layers.Normalization(name="normalization")(x)
    x = layers.ZeroPadding2D(((0, 1), (1, 1)), name="2 pads")(x)
    x = layers.Conv2D(6, 3, strides=2, use_bias=False, name="input")(x)
    x = layers.BatchNormalization(name="input, normalized")(x)
    x = stem = layers.ReLU(6.0, name="relu6")(x)
    x = layers.Conv2D(9, 1, use_bias=False, name="wide")(x)
    x = layers.BatchNormalization(name="wide bn")(x)
    x = layers.Activation("swish", name="wide_bn")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = squeezed(layers.Activation("swish", name="swish")(x))
    x = layers.Conv2D(6, 1, use_bias=False, name="narrow")(x)
    x = layers.BatchNormalization(name="narrow_bn")(x)
    x = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1), name="drop")(x)
    x = layers.Add(name="add")([x, stem])
    y = layers.AveragePooling2D(3, strides=1, padding="same", name="average")(x)
    x = layers.Concatenate(name="concatenate")([x, y])
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="global")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax", name="head")(x))


def grown(x, name, kernel):
    """Behind x what a layer of a dense block makes of it."""
    y = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = layers.Conv2D(16, kernel, padding="same", use_bias=False, name=f"{name}_conv")(y)
    return layers.Concatenate(name=f"{name}_concat")([x, y])


def dense():
    """A dense block, with numbers of channels that fill vectors."""
    inputs = layers.Input((12, 10, 4))
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="stem")(inputs)
    x = layers.Conv2D(16, 1, activation="relu", name="first")(x)
    x = grown(grown(x, "a", 3), "b", 1)
    x = layers.BatchNormalization(momentum=0.9, name="bn")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="sigmoid", name="head")(x))


SGD = {"sgd": OPTIMIZERS["sgd"]}
NETWORKS = {residual: OPTIMIZERS, blocks: SGD, dense: SGD}


def first_weights(model):
    random = np.random.default_rng(11)
    for w in model.weights:
        kind = w.path.rsplit("/", 1)[1]
        if kind in ("gamma", "moving_variance", "variance"):
            w.assign(random.uniform(0.5, 1.5, w.shape))
        elif kind not in ("kernel", "count"):
            w.assign(random.normal(0, 0.3, w.shape))


def row(network, run, what, layer, values):
    numbers = ",".join(f"{v:.8g}" for v in np.ravel(values))
    return f'{network.__name__},{run},{what},{layer.replace(",", ";")},{numbers}\n'


def named(variables, values):
    for w, value in zip(variables, values):
        layer, what = w.path.rsplit("/", 2)[-2:]
        if layer != "normalization":  # no weights of hpac
            yield what, layer, np.asarray(value)


def double(network, weights):
    model = network()
    model.set_weights(weights)
    for layer in model.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()
    return model


def images(model, step):
    pixels = formula.images(step * BATCH, BATCH, model.input_shape[1:])
    return pixels.astype(np.float64) / 255


def gradients_of(model, step, training):
    y = formula.labels(step * BATCH, BATCH, CLASSES).astype(np.float64)
    with tf.GradientTape() as tape:
        # The product hides the logits, of which Keras would take the sigmoid after a softmax, too.
        p = model(images(model, step), training=training) * 1.0
        loss = tf.reduce_mean(keras.losses.binary_crossentropy(y, p))
    return float(loss), tape.gradient(loss, model.trainable_variables)


def run(network, name, optimizer, weights):
    model = double(network, weights)
    losses = []
    if name == "sgd":
        yield row(network, "start", "predictions", "", model(images(model, 0), training=False))
    for step in range(STEPS):
        loss, gradients = gradients_of(model, step, name != "frozen")
        if step == 0 and name == "sgd":
            for what, layer, value in named(model.trainable_variables, gradients):
                yield row(network, "first", what, layer, value)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        losses.append(loss)
    yield row(network, name, "loss", "", losses)
    for what, layer, value in named(model.weights, model.get_weights()):
        # For a small file.
        if what != "kernel" or (name in ("sgd", "adamw") and network != dense):
            yield row(network, name, what, layer, value)


def save(network, directory):
    """Returns the first weights."""
    keras.utils.set_random_seed(0)
    keras.config.set_floatx("float32")
    model = network()
    first_weights(model)
    model.save(os.path.join(directory, f"keras3_{network.__name__}.h5"))
    keras.config.set_floatx("float64")
    return model.get_weights()


def main(directory):
    with open(os.path.join(directory, "keras_networks.csv"), "w") as out:
        out.write(
            f"# tools/reference/make_keras_networks.py, Keras {keras.__version__}, "
            f"TensorFlow {tf.__version__}, CPU, float64; see there\n"
        )
        out.write("network,run,what,layer,values\n")
        for network, runs in NETWORKS.items():
            weights = save(network, directory)
            for name, optimizer in runs.items():
                out.writelines(run(network, name, optimizer(), weights))


if __name__ == "__main__":
    main(sys.argv[1])
