#!/usr/bin/env python3
"""Names and shapes of the weights of keras.applications, for tests/unit/test_published_networks.c.

    python tools/reference/make_application_names.py tests/golden

writes keras_applications.csv: the networks that configs/ has under the same names, as Keras makes them
for color images and 1000 classes. Rows: network,layer,weight,shape, such as 7x7x3x64. Preprocessing
(`normalization`, whose statistics a configuration has as a layer of its own) is left out.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras

NETWORKS = {"densenet121": "DenseNet121", "efficientnet_b0": "EfficientNetB0"}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(os.path.join(sys.argv[1], "keras_applications.csv"), "w") as file:
        file.write(f"# tools/reference/make_application_names.py, Keras {keras.__version__}; see there\n")
        for network, name in NETWORKS.items():
            for layer in getattr(keras.applications, name)(weights=None).layers:
                for weight in [] if layer.name == "normalization" else layer.weights:
                    file.write(f"{network},{layer.name},{weight.name},{'x'.join(map(str, weight.shape))}\n")


main()
