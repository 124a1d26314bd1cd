#!/usr/bin/env python3
"""Opens a model file with whichever Keras is installed and prints its predictions as CSV.

    python tools/reference/check_keras_opens.py MODEL.h5 [IMAGES]

The images are those of formula.py, divided by 255. A first line starting with # tells the versions
and how many weights the model has.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf

import formula


def main(path, count=3):
    model = keras.models.load_model(path)
    images = formula.images(0, count, model.input_shape[1:]).astype(np.float32) / np.float32(255)
    print(
        f"# {path}: Keras {keras.__version__}, TensorFlow {tf.__version__}, "
        f"{model.count_params()} parameters"
    )
    for row in model.predict(images, verbose=0):
        print(",".join(f"{p:.9g}" for p in row))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
