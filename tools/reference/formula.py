"""Numbers that Python and C both compute: the same in tests/unit/formula.h.

A number is a function of (seed, index): murmur3's finalizer over index + seed x golden ratio.
"""

import numpy as np


def hashes(seed, count, start=0):
    """32-bit numbers at the indices start .. start + count - 1."""
    x = np.arange(start, start + count, dtype=np.uint64)
    x = (x + np.uint64(0x9E3779B9) * np.uint64(seed + 1)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def uniform(seed, count, start=0):
    """Doubles on [0, 1) with 24 bits."""
    return (hashes(seed, count, start) >> np.uint64(8)) / 16777216.0


def symmetric(seed, shape, limit):
    """float32 on +-limit: a tensor in C order."""
    values = (2.0 * uniform(seed, int(np.prod(shape))) - 1.0) * limit
    return values.astype(np.float32).reshape(shape)


def kernel(seed, shape):
    """A kernel (rows, cols, in, out) or (in, out) on +-sqrt(6 / (fan in + fan out)) (Glorot)."""
    area = int(np.prod(shape[:-2]))
    return symmetric(seed, shape, np.sqrt(6.0 / (area * shape[-2] + area * shape[-1])))


def bias(seed, shape):
    return symmetric(seed, shape, 0.05)


def set_weights(model):
    """Tensor i of the model (kernel, bias, kernel, bias, ...) gets seed i."""
    model.set_weights(
        [
            (kernel if len(w.shape) > 1 else bias)(i, w.shape)
            for i, w in enumerate(model.get_weights())
        ]
    )


IMAGE_SEED = 1000
LABEL_SEED = 1001


def images(first, count, shape):
    """uint8 images first .. first + count - 1."""
    size = int(np.prod(shape))
    pixels = hashes(IMAGE_SEED, count * size, first * size) >> np.uint64(24)
    return pixels.astype(np.uint8).reshape((count, *shape))


def labels(first, count, classes):
    """0/1 rows with a quarter ones."""
    chosen = hashes(LABEL_SEED, count * classes, first * classes) < np.uint64(1 << 30)
    return chosen.astype(np.uint8).reshape((count, classes))
