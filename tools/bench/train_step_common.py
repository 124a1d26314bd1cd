"""What the sides of train_step.py share: the network's sizes, options, data."""

import argparse

import numpy as np

CLASSES = 28
# About the configurations' `rescale`: the mean and the standard deviation of each channel.
MEAN, DEVIATION = (0.08, 0.05, 0.06, 0.08), (0.14, 0.10, 0.15, 0.14)


def parse(*variants):
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=variants)
    parser.add_argument("--network", default="reference")
    parser.add_argument("--predict", action="store_true")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.channels = 1 if options.network == "reference" else 4
    return options


def data(options):
    """Prepared images and labels in memory: bytes, as hpac's loader hands them over."""
    random = np.random.default_rng(0)
    count = options.steps * options.batch
    shape = (count, options.size, options.size, options.channels)
    images = random.integers(0, 256, shape, dtype=np.uint8)
    labels = (random.random((count, CLASSES)) < 0.06).astype(np.uint8)
    return images, labels
