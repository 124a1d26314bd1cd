#!/usr/bin/env python3
"""Opens a model file with whichever Keras is installed.

    python tools/reference/check_keras_opens.py MODEL.h5

prints its predictions for the images of formula.py as CSV, after a line with the versions.

    hpac preprocess --images DIR --ids RUN/predictions.csv --channels N --rows R --cols C --out PNGS
    python tools/reference/check_keras_opens.py RUN/model.h5 RUN/predictions.csv PNGS

compares its predictions for prepared images with those hpac wrote, and fails when one differs by
more than 1e-5. (Needs Pillow.)
"""

import csv
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf

import formula

TOLERANCE = 1e-5
CHANNELS = ("green", "blue", "red", "yellow")


def read_image(directory, name, channels):
    from PIL import Image

    planes = [Image.open(os.path.join(directory, f"{name}_{c}.png")) for c in CHANNELS[:channels]]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def predict(model, images):
    return model.predict(images.astype(np.float32) / np.float32(255), verbose=0)


def compare(model, predictions, directory):
    with open(predictions, newline="") as file:
        rows = list(csv.reader(file))[1:]
    channels = model.input_shape[3]
    images = np.stack([read_image(directory, row[0], channels) for row in rows])
    written = np.array([[float(p) for p in row[1:]] for row in rows])
    apart = np.abs(predict(model, images) - written).max()
    print(f"{len(rows)} images, largest difference {apart:.2e}, allowed {TOLERANCE:g}")
    return apart <= TOLERANCE  # false for NaN


def check_order(model, path):
    """The file lists its layers as the model has them: load_weights goes by this order."""
    import h5py

    with h5py.File(path) as file:
        listed = [name.decode() for name in file["model_weights"].attrs["layer_names"]]
    expected = [layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if listed != expected:
        sys.exit(f"{path}: layer_names {listed}, expected {expected}")


def main(path, predictions=None, directory=None):
    model = keras.models.load_model(path)
    check_order(model, path)
    print(
        f"# {path}: Keras {keras.__version__}, TensorFlow {tf.__version__}, "
        f"{model.count_params()} parameters"
    )
    if predictions:
        return compare(model, predictions, directory)
    for row in predict(model, formula.images(0, 3, model.input_shape[1:])):
        print(",".join(f"{p:.9g}" for p in row))
    return True


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
