"""Writes tests/golden/explore_*.csv: pandas' counts of label files, for hpac explore.

    python tools/reference/make_explore_golden.py REAL_TRAIN_CSV

explore_labels.csv is a label file of 300 images drawn here, in which some classes are rare and two
in no image; explore_small.csv has its figures and explore_real.csv those of the
competition's train.csv (aggregated figures only). The columns are table, row, column, value, where
the value is pandas': class_counts (sum of the class's column), labels_per_image (images
and percent rounded to two places by numpy), correlation (DataFrame.corr over the images with more
than one label; no row where pandas has NaN), company (find_counts of the reference notebooks).
Versions: tools/reference/requirements.txt.
"""
import sys

import numpy as np
import pandas as pd

CLASSES = 28
COMPANY = [10, 27, 8, 15, 4]
DIRECTORY = "tests/golden"


def draw_labels(path):
    random = np.random.RandomState(4)
    weights = 1 / np.arange(1, CLASSES + 1) ** 1.3
    weights[[8, 20]] = 0
    weights /= weights.sum()
    with open(path, "w") as file:
        file.write("Id,Target\n")
        for i in range(300):
            count = random.choice([1, 2, 3, 4], p=[0.4, 0.35, 0.2, 0.05])
            labels = random.choice(CLASSES, count, replace=False, p=weights)
            if 9 in labels and 10 not in labels:
                labels = [*labels, 10]
            file.write(f"image{i:03d},{' '.join(map(str, labels))}\n")


def binarise(path):
    frame = pd.read_csv(path)
    for c in range(CLASSES):
        frame[c] = frame.Target.str.split().apply(lambda labels, c=c: int(str(c) in labels))
    return frame[list(range(CLASSES))]


def write_figures(path, table):
    rows = []
    for c, count in table.sum(axis=0).items():
        rows.append(("class_counts", c, "images", count))
    counts = table.sum(axis=1)
    for labels, images in counts.value_counts().sort_index().items():
        rows.append(("labels_per_image", labels, "images", images))
        rows.append(("labels_per_image", labels, "percent",
                     float(np.round(100 * images / table.shape[0], 2))))
    correlation = table[counts > 1].corr()
    for a in range(CLASSES):
        for b in range(a, CLASSES):
            if not np.isnan(correlation[a][b]):
                rows.append(("correlation", a, b, float(correlation[a][b])))
    for special in COMPANY:
        beside = table[table[special] == 1].sum(axis=0)
        for c, count in beside[beside > 0].items():
            rows.append(("company", special, c, count))
    pd.DataFrame(rows, columns=["table", "row", "column", "value"]).astype(
        {"value": object}).to_csv(path, index=False)


draw_labels(f"{DIRECTORY}/explore_labels.csv")
write_figures(f"{DIRECTORY}/explore_small.csv", binarise(f"{DIRECTORY}/explore_labels.csv"))
write_figures(f"{DIRECTORY}/explore_real.csv", binarise(sys.argv[1]))
