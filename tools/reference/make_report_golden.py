"""Writes tests/golden/report.csv: the distribution of some probabilities by numpy and scipy.

    python tools/reference/make_report_golden.py > tests/golden/report.csv

tests/unit/test_density.c makes the same values. One row per figure: case, figure, index, value. The
figures are numpy.histogram's counts and densities (50 bins, range 0..1), scipy.stats.gaussian_kde at
201 points (Scott's rule; where that gives a bandwidth below the distance of two points, that
distance), and numpy's mean, std with ddof 0 and 1, of the values that are not NaN. Versions:
tools/reference/requirements.txt.
"""
import numpy as np
from scipy import stats

from formula import uniform

BINS = 50
POINTS = 201


def cases():
    yield "skewed", uniform(1, 3000) ** 2
    yield "narrow", 0.02 + 0.002 * uniform(2, 400)
    yield "edges", np.concatenate([np.arange(51) * 0.02, np.arange(51) / 50])
    yield "pair", np.array([0.25, 0.75])
    bumps = uniform(3, 700)
    bumps[350:] = 1 - bumps[350:] ** 3
    bumps[::7] = np.nan
    yield "gaps", bumps
    yield "borders", np.round(uniform(4, 90))


def main():
    points = np.linspace(0, 1, POINTS)
    print("case,figure,index,value")
    for name, values in cases():
        values = values[~np.isnan(values)]
        counts, edges = np.histogram(values, BINS, range=(0, 1))
        density, _ = np.histogram(values, BINS, range=(0, 1), density=True)
        std = np.std(values, ddof=1)
        factor = max(len(values) ** -0.2, points[1] / std)
        curve = stats.gaussian_kde(values, bw_method=factor)(points)
        for i in range(BINS):
            print(f"{name},count,{i},{counts[i]}")
            print(f"{name},histogram,{i},{density[i]:.17g}")
        for i in range(0, POINTS, 5):
            print(f"{name},density,{i},{curve[i]:.17g}")
        print(f"{name},mean,0,{np.mean(values):.17g}")
        print(f"{name},std,0,{np.std(values):.17g}")
        print(f"{name},std,1,{std:.17g}")


main()
