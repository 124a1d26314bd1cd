#!/usr/bin/env python3
"""Small model files as Keras writes them, for tests/unit/test_model.c.

    python tools/reference/make_keras_models.py tests/golden

with Keras 3 (see requirements.txt) writes keras3_*.h5 and keras3_predictions.csv; with
TensorFlow 2.15 and its Keras 2 (requirements_keras2.txt) keras2_*. Weights and images come from
formula.py; the predictions are Keras's.
"""

import os
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf
from keras import layers

import formula

SHAPE = (10, 9, 2)
IMAGES = 3


def sequential():
    model = keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(3, (3, 2), activation="relu"),
            layers.MaxPooling2D((2, 3)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="sigmoid"),
        ]
    )
    # A compiled model has training_config and optimizer_weights in its file.
    model.compile(optimizer="adadelta", loss="binary_crossentropy")
    return model


def input_shape():
    return keras.Sequential(
        [
            layers.Conv2D(
                2,
                (2, 3),
                activation="relu",
                input_shape=SHAPE,
                kernel_initializer=keras.initializers.VarianceScaling(seed=0),
            ),
            layers.Conv2D(3, 3, activation="sigmoid"),
            layers.Flatten(),
            layers.Dense(3, activation="sigmoid"),
        ]
    )


def functional():
    inputs = layers.Input(SHAPE)
    x = layers.Conv2D(3, 3)(inputs)
    x = layers.ReLU()(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(12)(x)
    x = layers.Activation("relu")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Activation("linear")(x)
    x = layers.Dense(3)(x)
    x = layers.Activation("sigmoid")(x)
    return keras.Model(inputs, x)


def frozen_regularized():
    """What only bears on training: no effect on predictions."""
    model = keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(3, 3, activation="relu", trainable=False),
            layers.Flatten(),
            layers.Dense(
                8,
                activation="relu",
                kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02),
                bias_regularizer=keras.regularizers.L2(0.01),
                activity_regularizer=keras.regularizers.L1(0.01),
                kernel_constraint=keras.constraints.MaxNorm(2),
            ),
            layers.Dense(3, activation="sigmoid"),
        ]
    )
    return model


def in_dtype(dtype):
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(3, 3, activation="relu", dtype=dtype),
            layers.MaxPooling2D(2, dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(3, activation="sigmoid", dtype=dtype),
        ]
    )


def float64():
    return in_dtype("float64")


def mixed_float16():
    return in_dtype("mixed_float16")


def graph():
    """Branches, models inside models, and what hpac writes in another way."""
    encoder = keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.ReLU(6.0),
        ],
        name="encoder",
    )
    inside = layers.Input((10, 9, 4))
    x = layers.Conv2D(4, 1, activation="swish", name="conv")(inside)
    residual = keras.Model(inside, layers.Add(name="sum")([inside, x]), name="residual")

    inputs = layers.Input(SHAPE)
    x = layers.Rescaling(0.25, offset=0.5)(inputs)
    x = layers.Normalization(mean=[0.5, 0.25], variance=[0.25, 4.0])(x)
    x = residual(encoder(x))
    factor = layers.GlobalAveragePooling2D()(x)
    factor = layers.Reshape((1, 1, 4), name="reshape")(factor)
    factor = layers.Conv2D(4, 1, activation="sigmoid")(factor)
    x = layers.Multiply()([factor, x])
    y = layers.ZeroPadding2D(((1, 0), (0, 1)))(x)
    y = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(y)
    z = layers.ZeroPadding2D(((1, 0), (0, 1)))(x)
    z = layers.AveragePooling2D(3, strides=2, padding="same")(z)
    x = layers.Concatenate(axis=3)([y, z])
    x = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1))(x)
    x = layers.SpatialDropout2D(0.1)(x)
    x = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Reshape((-1,), name="vector")(x)
    return keras.Model(inputs, layers.Dense(3, activation="sigmoid")(x))


MODELS = (sequential, input_shape, functional)
MODELS_OF_KERAS_3 = (frozen_regularized, float64, mixed_float16)


def save_graph(directory):
    """Of graph() the weights count: variances must be positive."""
    keras.backend.clear_session()
    model = graph()
    formula.set_weights(model)
    for layer in model.get_layer("encoder").layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(layer.moving_variance + 1.0)
    for extension in ("h5", "keras"):
        model.save(os.path.join(directory, f"keras3_graph.{extension}"))
    deflate(os.path.join(directory, "keras3_graph.keras"))


def save_counted(directory):
    """Many layers of a class, with names that are not in their order."""
    keras.backend.clear_session()
    model = keras.Sequential([layers.Input((4, 4, 2))])
    for i in range(11):
        model.add(layers.Conv2D(2, 1, name=f"conv{10 - i}"))
    model.add(layers.GlobalAveragePooling2D())
    for name in ("second", "first"):
        model.add(keras.Sequential([layers.Dense(2), layers.Dense(2)], name=name))
    model.add(layers.Dense(3, activation="sigmoid"))
    formula.set_weights(model)
    model.save(os.path.join(directory, "keras3_counted.keras"))
    deflate(os.path.join(directory, "keras3_counted.keras"))


def deflate(path):
    """Keras stores its archives, which have many zeros, uncompressed."""
    with zipfile.ZipFile(path) as archive:
        files = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def main(directory):
    major = keras.__version__.split(".")[0]
    images = formula.images(0, IMAGES, SHAPE).astype(np.float32) / np.float32(255)
    with open(os.path.join(directory, f"keras{major}_predictions.csv"), "w") as out:
        out.write(
            "# tools/reference/make_keras_models.py, "
            f"Keras {keras.__version__}, TensorFlow {tf.__version__}, CPU, float32\n"
        )
        out.write("model,image,class0,class1,class2\n")
        for make in MODELS + (MODELS_OF_KERAS_3 if major == "3" else ()):
            keras.backend.clear_session()  # names count from 0 in every file
            keras.utils.set_random_seed(0)
            model = make()
            formula.set_weights(model)
            name = f"keras{major}_{make.__name__}"
            model.save(os.path.join(directory, name + ".h5"))
            if make is mixed_float16:
                model.save_weights(os.path.join(directory, "keras3_only.weights.h5"))
            for i, row in enumerate(model.predict(images, verbose=0)):
                out.write(f"{name},{i}," + ",".join(f"{p:.9g}" for p in row) + "\n")
    if major == "3":
        save_graph(directory)
        save_counted(directory)


if __name__ == "__main__":
    main(sys.argv[1])
