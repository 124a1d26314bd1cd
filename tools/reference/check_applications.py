#!/usr/bin/env python3
"""Compares hpac with Keras on the networks of keras.applications.

    make build/reference/model_steps
    python tools/reference/check_applications.py [--device cuda] [NETWORK...]

Each network, with its own head (include_top=True) and without (include_top=False, inside a model
with another head), has random weights, moving statistics, gamma and beta. hpac reads the file that
Keras saves and must predict 10 images as Keras does (1e-4), train 5 steps of SGD on one batch with its
losses (1e-4 relative), and save a file that opens in Keras with hpac's predictions (1e-4). Prints a
table in Markdown; fails when a limit is exceeded.

The gradients of these networks are large when they are new, and rounding errors grow with every
layer and step: at usual learning rates Keras in float32 is 1e-2 away from Keras in float64 after 5
steps. The rates are therefore small, such that the loss falls by a few percent, and hpac is
compared with Keras in float64; the last column is how far Keras in float32 is from that.

Own heads have the softmax of keras.applications, or a sigmoid. The loss is the binary cross-entropy
of the probabilities. Dropout is off, in Keras by a rate of 0.
"""

import argparse
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # see make_keras_golden.py
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
from keras import applications, layers

SHAPE = (80, 72, 3)
CLASSES = 7
BATCH, STEPS, PREDICTED = 16, 5, 10
TOLERANCE = 1e-4

# name: what makes it, the range of the pixels that it expects, learning rates with its own head and another
NETWORKS = {
    "ResNet50": (applications.ResNet50, 1, 3e-7, 3e-7),
    "ResNet50V2": (applications.ResNet50V2, 1, 1e-6, 1e-6),
    "DenseNet121": (applications.DenseNet121, 1, 1e-5, 1e-5),
    "MobileNetV2": (applications.MobileNetV2, 1, 1e-5, 1e-5),
    "EfficientNetB0": (applications.EfficientNetB0, 255, 3e-5, 5e-4),
}


def rate_of(network, top):
    return NETWORKS[network][2 if top else 3]


def build(network, top):
    """top: the activation of its own head; None: another head."""
    make = NETWORKS[network][0]
    if top:
        return make(weights=None, input_shape=SHAPE, classes=CLASSES, classifier_activation=top)
    inputs = layers.Input(SHAPE)
    x = make(weights=None, input_shape=SHAPE, include_top=False)(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="sigmoid")(x))


def all_layers(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
        else:
            yield layer


def randomize(model, random):
    """Moving statistics, gamma and beta that are not those of a new network; no dropout."""
    for layer in all_layers(model):
        if isinstance(layer, layers.BatchNormalization):
            n = layer.moving_mean.shape[0]
            layer.gamma.assign(random.uniform(0.5, 1.5, n))
            layer.beta.assign(random.normal(0, 0.2, n))
            layer.moving_mean.assign(random.normal(0, 0.2, n))
            layer.moving_variance.assign(random.uniform(0.5, 1.5, n))
        if isinstance(layer, layers.Normalization):
            layer.adapt_mean.assign(random.uniform(0.4, 0.5, layer.adapt_mean.shape))
            layer.adapt_variance.assign(random.uniform(0.04, 0.06, layer.adapt_variance.shape))
            layer.finalize_state()
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0


def loss_of(labels, predicted):
    """The product hides the logits, of which Keras would take the sigmoid after a softmax, too."""
    return keras.losses.binary_crossentropy(keras.ops.cast(labels, predicted.dtype), predicted * 1.0)


def train(model, rate, images, labels):
    model.compile(keras.optimizers.SGD(rate), loss_of)
    return np.array([float(model.train_on_batch(images, labels)) for _ in range(STEPS)])


def train_double(network, top, weights, images, labels):
    """The losses of Keras in float64."""
    keras.config.set_floatx("float64")
    model = build(network, top)
    model.set_weights(weights)
    for layer in all_layers(model):
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    losses = train(model, rate_of(network, top), images.astype(np.float64), labels)
    keras.config.set_floatx("float32")
    return losses


def run_hpac(args, rate, folder, files):
    command = [f"{args.build}/reference/model_steps", "--device", args.device]
    command += ["--predict", str(PREDICTED), "--batch", str(BATCH), "--steps", str(STEPS)]
    command += ["--rate", str(rate)]
    for option, name in files.items():
        command += [f"--{option}", f"{folder}/{name}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return np.array([float(line) for line in done.stdout.split()])


def predict(model, images):
    return model.predict(images[:PREDICTED], verbose=0)


def apart(a, b):
    return np.abs(a - b).max()


def check(args, network, top, suffix):
    """The differences of predictions, losses, predictions after training; and Keras's own."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(2)
    model = build(network, top)
    randomize(model, random)
    weights = model.get_weights()
    images = random.integers(0, 256, (BATCH, *SHAPE)).astype(np.float32)
    images *= np.float32(NETWORKS[network][1] / 255)
    labels = random.integers(0, 2, (BATCH, CLASSES)).astype(np.uint8)
    files = {"model": "model" + suffix, "images": "images", "labels": "labels"}
    files |= {"before": "before", "after": "after", "save": "saved.h5"}
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/{files['model']}")
        np.tile(images, (STEPS, 1, 1, 1)).tofile(f"{folder}/images")
        np.tile(labels, (STEPS, 1)).tofile(f"{folder}/labels")
        losses = run_hpac(args, rate_of(network, top), folder, files)
        reopened = predict(keras.models.load_model(f"{folder}/saved.h5", compile=False), images)
        before, after = (
            np.fromfile(f"{folder}/{files[name]}", np.float32).reshape(PREDICTED, CLASSES)
            for name in ("before", "after")
        )
    loaded = apart(before, predict(model, images))
    single = train(model, rate_of(network, top), images, labels)
    double = train_double(network, top, weights, images, labels)
    if args.verbose:
        print(losses, single, double, before[0], sep="\n", file=sys.stderr)
    trained, own = apart(losses / double, 1), apart(single / double, 1)
    return [loaded, trained, apart(reopened, after)], [1 - double[-1] / double[0], own]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--build", default="build")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    good = True
    print("| network | head | file | predictions | losses | reopened | loss falls by | Keras's losses |")
    print("|---|---|---|---|---|---|---|---|")
    for network in args.networks:
        for top, suffix in (("softmax", ".h5"), ("sigmoid", ".keras"), (None, ".h5")):
            row = [network, f"its own, {top}" if top else "another, sigmoid", suffix]
            try:
                checked, shown = check(args, network, top, suffix)
                good &= all(found <= TOLERANCE for found in checked)  # False for NaN
                row += [f"{found:.1e}" for found in checked + shown]
            except RuntimeError as error:
                good = False
                row.append(str(error))
            print("| " + " | ".join(row) + " |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
