"""Writes tests/golden/resize.txt: the results of scikit-image's resize, with its defaults, for
images that the test computes too.

    python tools/reference/make_resize_golden.py > tests/golden/resize.txt

One block per case: "case in_rows in_cols out_rows out_cols mean mean_square points", the means being
over all outputs, then lines "row col value" for some outputs (all corners and edges of small ones).
"""

import numpy as np
from skimage.transform import resize

CASES = [
    # in, out
    ((512, 512), (128, 128)),
    ((512, 512), (64, 64)),
    ((2048, 2048), (128, 128)),
    ((96, 96), (100, 100)),
    ((96, 96), (33, 33)),
    ((96, 96), (95, 95)),
    ((64, 48), (64, 48)),
    ((40, 300), (17, 31)),
    ((300, 40), (31, 17)),
    ((50, 70), (25, 140)),  # down along one axis, up along the other
    ((37, 16), (37, 5)),
    ((1, 1), (1, 1)),
    ((1, 1), (5, 4)),
    ((1, 64), (1, 16)),
    ((64, 1), (16, 3)),
    ((2, 2), (1, 1)),
    ((2, 3), (5, 7)),
    ((3, 2), (1, 2)),
    ((3, 3), (2, 2)),
    ((7, 5), (1, 1)),  # the filter is wider than the picture
    ((9, 13), (2, 3)),
    ((257, 515), (3, 2)),
    ((600, 300), (1, 2)),
]
MAX_POINTS = 90


def picture(rows, cols):
    """Byte i of a case is a hash of i: noise, the hardest case for a low-pass filter."""
    x = np.arange(rows * cols, dtype=np.uint32) * np.uint32(2654435761)
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return (x >> np.uint32(24)).astype(np.uint8).reshape(rows, cols)


def points(rows, cols, generator):
    """All if they are few; else corners, then drawn ones, every other on the border."""
    everything = [(r, c) for r in range(rows) for c in range(cols)]
    if len(everything) <= MAX_POINTS:
        return everything
    border = [(r, c) for r, c in everything if r in (0, 1, rows - 2, rows - 1) or c in (0, 1, cols - 2, cols - 1)]
    chosen = {(0, 0), (0, cols - 1), (rows - 1, 0), (rows - 1, cols - 1)}
    while len(chosen) < MAX_POINTS:
        chosen.add(border[generator.integers(len(border))])
        chosen.add(everything[generator.integers(len(everything))])
    return sorted(chosen)


def main():
    generator = np.random.default_rng(0)
    for (in_rows, in_cols), (rows, cols) in CASES:
        out = resize(picture(in_rows, in_cols), (rows, cols))
        chosen = points(rows, cols, generator)
        print("case", in_rows, in_cols, rows, cols, f"{out.mean():.9f} {(out**2).mean():.9f}", len(chosen))
        for r, c in chosen:
            print(r, c, f"{out[r, c]:.8f}")


main()
