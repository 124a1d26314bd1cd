"""Writes tests/golden/evaluation.csv: scikit-learn's metrics of predictions made by a formula.

    python tools/reference/make_evaluation_golden.py > tests/golden/evaluation.csv

tests/unit/test_evaluation.c makes the same predictions. One row per figure: case, metric, class (empty
for those of the whole set), value. An undefined value is "nan": the area under the ROC
curve of a class that all images have or none, and the average precision of a class without positives,
which scikit-learn calls 0. best_f1 is the highest F1 that any threshold reaches on the class,
best_mean_f1 the highest mean over the classes that one threshold for all reaches.
Versions: tools/reference/requirements.txt.
"""
import warnings

import numpy as np
from sklearn import metrics

from formula import uniform

warnings.filterwarnings("ignore")  # of classes without positives

# Images, classes, steps into which probabilities are rounded down (0: none), thresholds all 0.5.
# The share of positives of class t is RATES[t % 6].
CASES = [(500, 5, 0, True), (300, 28, 10, False), (40, 1, 0, True), (60, 6, 7, False), (1, 3, 0, True)]
RATES = [0.5, 0.1, 0.02, 0.9, 0.0, 1.0]


def predictions(case, images, classes, steps):
    count = images * classes
    rates = np.tile([RATES[t % 6] for t in range(classes)], images)
    truth = uniform(3 * case, count) < rates
    p = 0.6 * uniform(3 * case + 1, count) + 0.4 * truth * uniform(3 * case + 2, count)
    if steps:
        p = np.floor(p * steps) / steps
    shape = (images, classes)
    return truth.reshape(shape).astype(int), p.astype(np.float32).reshape(shape)


def candidates(p):
    """Every threshold that makes a difference: those below all, and between two."""
    values = np.unique(np.append(p, 0).astype(np.float64))
    return (values[1:] + values[:-1]) / 2


def best_f1(truth, p):
    return max((metrics.f1_score(truth, p > t, zero_division=0) for t in candidates(p)), default=0.0)


def mean_f1(truth, predicted):
    return np.mean([metrics.f1_score(y, a, zero_division=0) for y, a in zip(truth.T, predicted.T)])


def figures(case, truth, p, thresholds):
    predicted = (p > thresholds).astype(int)
    several = p.shape[1] > 1
    f1 = []
    for t in range(p.shape[1]):
        y, a, q = truth[:, t], predicted[:, t], p[:, t]
        f1.append(metrics.f1_score(y, a, zero_division=0))
        yield "support", t, y.sum()
        yield "precision", t, metrics.precision_score(y, a, zero_division=0)
        yield "recall", t, metrics.recall_score(y, a, zero_division=0)
        yield "f1", t, f1[-1]
        yield "average_precision", t, metrics.average_precision_score(y, q) if y.any() else np.nan
        yield "roc_auc", t, metrics.roc_auc_score(y, q) if 0 < y.sum() < len(y) else np.nan
        yield "mean", t, q.astype(np.float64).mean()
        yield "std", t, q.astype(np.float64).std()
        yield "best_f1", t, best_f1(y, q)
    yield "f1_min", "", np.min(f1)
    yield "f1_max", "", np.max(f1)
    yield "f1_mean", "", metrics.f1_score(truth, predicted, average="macro", zero_division=0) if several else f1[0]
    yield "f1_std", "", np.std(f1)
    yield "micro_f1", "", metrics.f1_score(truth.ravel(), predicted.ravel(), zero_division=0)
    yield "sample_f1", "", np.mean([metrics.f1_score(y, a, zero_division=0) for y, a in zip(truth, predicted)])
    yield "best_mean_f1", "", max((mean_f1(truth, p > t) for t in candidates(p)), default=0.0)
    yield "accuracy", "", metrics.accuracy_score(truth.ravel(), predicted.ravel())
    yield "all_zero_accuracy", "", 1 - truth.mean()


print("case,measure,class,value")
for case, (images, classes, steps, plain) in enumerate(CASES):
    truth, p = predictions(case, images, classes, steps)
    thresholds = np.array([0.5 if plain else 0.15 + 0.02 * t for t in range(classes)], dtype=np.float32)
    for measure, t, value in figures(case, truth, p, thresholds):
        print(f"{case},{measure},{t},{value:.12g}")
