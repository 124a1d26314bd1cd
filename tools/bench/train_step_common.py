"""What the sides of train_step.py share: the network's sizes, options, data."""

import argparse

import numpy as np

SIDE, CHANNELS, CLASSES = 128, 1, 28


def parse(*variants):
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=variants)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def data(options):
    """Prepared images and labels in memory: bytes, as hpac's loader hands them over."""
    random = np.random.default_rng(0)
    count = options.steps * options.batch
    images = random.integers(0, 256, (count, SIDE, SIDE, CHANNELS), dtype=np.uint8)
    labels = (random.random((count, CLASSES)) < 0.06).astype(np.uint8)
    return images, labels
