"""Writes tests/golden/colormaps.csv: every fifth color of four of matplotlib's color maps.

    python tools/reference/make_colormap_golden.py > tests/golden/colormaps.csv

Versions: tools/reference/requirements.txt.
"""
from matplotlib import colormaps

print("map,index,red,green,blue")
for name in ("Greens", "Reds", "Blues", "Oranges"):
    for i in range(0, 256, 5):
        red, green, blue, _ = colormaps[name](i, bytes=True)
        print(f"{name},{i},{red},{green},{blue}")
