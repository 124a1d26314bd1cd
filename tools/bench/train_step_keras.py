#!/usr/bin/env python3
"""Keras's side of train_step.py: trains or evaluates STEPS batches for each line it reads, prints
images/s.

    python train_step_keras.py {graph,xla} --steps 10 --batch 64 --threads 2 [--network resnet18]
        [--size 128] [--predict]
"""

import os
import sys
import time

from train_step_common import CLASSES, DEVIATION, MEAN, data, parse

options = parse("graph", "xla")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = str(options.threads)
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)
import keras
from keras import layers

keras.utils.set_random_seed(0)
is_reference = options.network == "reference"


def reference():
    return keras.Sequential(
        [
            layers.Input((options.size, options.size, options.channels), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(CLASSES, activation="sigmoid"),
        ]
    )


def convolve(x, filters, window, strides=1):
    if strides > 1 and window > 1:
        x = layers.ZeroPadding2D(window // 2)(x)
    padding = "valid" if strides > 1 else "same"
    x = layers.Conv2D(filters, window, strides=strides, padding=padding, use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def residual(x, filters, strides):
    shortcut = convolve(x, filters, 1, strides) if strides > 1 else x
    y = layers.ReLU()(convolve(x, filters, 3, strides))
    return layers.ReLU()(layers.Add()([convolve(y, filters, 3), shortcut]))


def resnet(x, depths):
    x = layers.ZeroPadding2D(1)(layers.ReLU()(convolve(x, 64, 7, 2)))
    x = layers.MaxPooling2D(3, 2)(x)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            x = residual(x, 64 << stage, 2 if stage > 0 and block == 0 else 1)
    return x


RESNETS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
APPLICATIONS = {"densenet121": "DenseNet121", "efficientnet_b0": "EfficientNetB0"}


def published():
    shape = (options.size, options.size, options.channels)
    inputs = layers.Input(shape, dtype="uint8")
    scale = [1 / d / 255 for d in DEVIATION]
    x = layers.Rescaling(scale, [-m / d for m, d in zip(MEAN, DEVIATION)])(inputs)
    if options.network in RESNETS:
        x = resnet(x, RESNETS[options.network])
    else:
        make = getattr(keras.applications, APPLICATIONS[options.network])
        x = make(include_top=False, weights=None, input_shape=shape)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="sigmoid")(x))


model = reference() if is_reference else published()
optimizers = keras.optimizers
if is_reference:
    optimizer = optimizers.Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-7)
else:
    optimizer = optimizers.AdamW(learning_rate=1e-3, weight_decay=0.01)
model.compile(
    optimizer=optimizer, loss="binary_crossentropy", jit_compile=options.variant == "xla"
)
images, labels = data(options)


def train(count):
    size = count * options.batch
    if options.predict:
        model.predict(images[:size], batch_size=options.batch, verbose=0)
        return
    model.fit(
        images[:size], labels[:size], batch_size=options.batch, epochs=1, shuffle=False, verbose=0
    )


train(2)
print("ready", keras.__version__, "TensorFlow", tf.__version__, flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    train(options.steps)
    print(options.steps * options.batch / (time.perf_counter() - start), flush=True)
