"""Images per second on one core, from a PNG file to its resized bytes: hpac, Pillow with scikit-image
(as in the reference notebooks) and OpenCV, taking turns in one run.

    make build/bench/data_path
    python tools/bench/data_path.py [--images DIR] [--channel green] [--size 128] [--rounds 9]

Needs numpy, pillow, scikit-image, opencv-python-headless. Times are CPU times, which other load on
the machine changes little; printed are medians over rounds. OpenCV is measured twice: with the same
filter (a Gaussian, then linear), and with its fastest filter, INTER_AREA, whose pixels differ.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from PIL import Image
from skimage.transform import resize

cv2.setNumThreads(1)
ROOT = Path(__file__).resolve().parents[2]


def run_hpac(files, size):
    program = ROOT / "build/bench/data_path"
    out = subprocess.run([program, str(size), str(size), *files], check=True, capture_output=True, text=True)
    decode, shrink, inflate = map(float, out.stdout.split())
    return decode, shrink, inflate


def run_steps(files, decode, shrink):
    """Microseconds per image of the two steps."""
    spent = [0.0, 0.0]
    for file in files:
        start = time.process_time()
        picture = decode(file)
        middle = time.process_time()
        shrink(picture)
        end = time.process_time()
        spent[0] += middle - start
        spent[1] += end - middle
    return tuple(1e6 * seconds / len(files) for seconds in spent)


def decode_pillow(file):
    return np.asarray(Image.open(file))


def decode_opencv(file):
    return cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE)


def shrink_opencv_gaussian(size):
    def shrink(picture):
        sigma = (len(picture) / size - 1) / 2
        taps = 2 * int(4 * sigma + 0.5) + 1
        smooth = cv2.GaussianBlur(picture, (taps, taps), sigma, borderType=cv2.BORDER_REFLECT_101)
        return cv2.resize(smooth, (size, size), interpolation=cv2.INTER_LINEAR)

    return shrink


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default=ROOT / "../shared/data/hpa2018/train", type=Path)
    parser.add_argument("--channel", default="green")
    parser.add_argument("--size", default=128, type=int)
    parser.add_argument("--rounds", default=9, type=int)
    options = parser.parse_args()
    files = sorted(map(str, options.images.glob(f"*_{options.channel}.png")))
    if not files:
        sys.exit(f"{options.images}: no *_{options.channel}.png there (hpac synth generates some)")

    size = options.size
    ways = {
        "hpac": lambda: run_hpac(files, size)[:2],
        "OpenCV, INTER_AREA": lambda: run_steps(
            files, decode_opencv, lambda p: cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA)
        ),
        "OpenCV, Gaussian + linear": lambda: run_steps(files, decode_opencv, shrink_opencv_gaussian(size)),
        "Pillow + scikit-image": lambda: run_steps(files, decode_pillow, lambda p: resize(p, (size, size))),
    }
    times = {way: [] for way in ways}
    floor = []
    for _ in range(options.rounds):
        for way, run in ways.items():
            times[way].append(run())
        floor.append(run_hpac(files, size)[2])

    print(f"{len(files)} files, one core, medians of {options.rounds} rounds, to {size} x {size}")
    print(f"{'':28}{'decode us':>10}{'resize us':>11}{'images/s':>10}{'hpac is':>10}")
    medians = {way: [statistics.median(column) for column in zip(*rounds)] for way, rounds in times.items()}
    best = sum(medians["hpac"])
    for way, (decode, shrink) in medians.items():
        total = decode + shrink
        print(f"{way:28}{decode:10.0f}{shrink:11.0f}{1e6 / total:10.0f}{total / best:9.1f}x")
    print(f"{'(inflating alone)':28}{statistics.median(floor):10.0f}")


main()
