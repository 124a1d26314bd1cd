"""Writes tests/golden/split.csv: scikit-learn's RepeatedKFold, printed by numpy, for many sizes.

    python tools/reference/make_split_golden.py > tests/golden/split.csv

One row per case: rows, folds, repeats, seed, a hash of all row numbers of all folds (training count,
training rows, validation count, validation rows, fold after fold) and a hash of the text that the
reference notebooks' loop prints. Both hashes are h = h * 6364136223846793005 + value + 1 mod 2^64
over the numbers, or the bytes of the text. Versions: tools/reference/requirements.txt.
"""
import numpy as np
from sklearn.model_selection import RepeatedKFold

MULTIPLIER = 6364136223846793005


def mix(h, values):
    for value in values:
        h = (h * MULTIPLIER + value + 1) % 2**64
    return h


def cases():
    for n in range(2, 41):  # all numbers printed, on one line or wrapped
        for folds in sorted({2, 3, min(n, 7), n}):
            if folds <= n:
                yield n, folds, 1 + n % 3, n
    for n in range(900, 1101, 7):  # three and four digits
        yield n, 2 + n % 5, 1, n
    # Training sets of about 1000 rows, where numpy begins to summarize.
    for n in (1499, 1500, 1501, 1502, 1503, 1999, 2000, 2001, 2002, 3000, 3002, 3003):
        yield n, 3, 1, 1
        yield n, 2, 1, 1
    for n in (9999, 10000, 10001, 10004, 99999, 100000, 100003):
        yield n, 3, 1, 0
    for seed in (0, 1, 2, 42, 2**31, 2**32 - 1):
        yield 31072, 3, 2, seed
    yield 31072, 10, 3, 7
    yield 31072, 300, 1, 7


print("rows,folds,repeats,seed,rows_hash,text_hash")
for n, folds, repeats, seed in cases():
    rows_hash = text_hash = 0
    split = RepeatedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    for train_idx, test_idx in split.split(np.zeros(n)):
        for side in (train_idx, test_idx):
            rows_hash = mix(rows_hash, [len(side)])
            rows_hash = mix(rows_hash, side.tolist())
        text = (
            f"TRAIN: {train_idx} VALIDATION: {test_idx}\n"
            f"TRAIN: {len(train_idx)} TEST: {len(test_idx)}\n"
        )
        text_hash = mix(text_hash, text.encode())
    print(f"{n},{folds},{repeats},{seed},{rows_hash},{text_hash}")
