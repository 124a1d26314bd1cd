#!/usr/bin/env python3
"""Training speed and memory of a network in hpac, PyTorch and Keras.

    make build/bench/train_step
    python3 tools/bench/train_step.py --torch-python VENV/bin/python --keras-python VENV/bin/python
    python3 tools/bench/train_step.py --network resnet18 --batch 32 --steps 3 [--predict --size 256] ...

--network reference is that of the reference notebooks: 1 channel, dropout, Adadelta. The others are
those of configs/, with 4 channels and AdamW. 28 classes. --predict evaluates instead of training.
Images are prepared bytes in memory; their conversion to floats is part of the step. Each side is one
long-running process; they take turns, a round each, so that other load on the machine affects all of
them. Printed are the median images/s over the rounds, the range, the median of hpac's images/s
divided by those of the side in the same round, the CPU time per image (which other load changes
less), and the peak memory of the process (max resident set, start-up and compilers included).

A side is any program that prints "ready <version>", then for each line it reads trains --steps
batches and prints images/s. More of them: --side "name=command ...", where {steps}, {batch} and
{threads} are filled in. hpac's is build/bench/train_step (--no-hpac leaves it out).
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
COUNTS = "--steps {steps} --batch {batch} --threads {threads}"
NETWORK = " --network {network} --size {size}"


class Side:
    def __init__(self, name, command, options):
        self.name, self.rates, self.processor_ms = name, [], []
        words = [word.format(**vars(options)) for word in shlex.split(command)]
        environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if options.verbose else subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.version = self.read_line().removeprefix("ready ")

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"train_step: {self.name} ended early; --verbose shows why")
        return line.strip()

    def processor_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def turn(self, images):
        before_s = self.processor_s()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.rates.append(float(self.read_line()))
        self.processor_ms.append((self.processor_s() - before_s) / images * 1000)

    def end(self):
        self.process.stdin.close()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0  # reaped here
        self.peak_mib = usage.ru_maxrss / 1024


def hpac_network(options):
    """hpac's options for the network; its braces are doubled for Side."""
    if options.network == "reference":
        return ""
    side = options.size
    sets = (f"data.image={{{{rows: {side}, cols: {side}}}}}", "data.scale={{rows: 1, cols: 1}}")
    path = os.path.join(HERE, "..", "..", "configs", options.network + ".yaml")
    return f" --config {shlex.quote(path)}" + "".join(f" --set {shlex.quote(s)}" for s in sets)


def sides(options):
    """(name, command) of everything asked for."""
    predict = " --predict" if options.predict else ""
    if options.hpac:
        yield "hpac", f"{shlex.quote(options.hpac)} {COUNTS}{hpac_network(options)}{predict}"
    torch = ("contiguous", "channels_last", "compile", "compile_contiguous")
    for python, script, variants in (
        (options.torch_python, "train_step_torch.py", torch),
        (options.keras_python, "train_step_keras.py", ("graph", "xla")),
    ):
        tool = script.removeprefix("train_step_").removesuffix(".py")
        for variant in variants if python else ():
            path = shlex.quote(os.path.join(HERE, script))
            command = f"{shlex.quote(python)} {path} {variant} {COUNTS}{NETWORK}{predict}"
            if not options.variants or f"{tool}-{variant}" in options.variants:
                yield f"{tool}-{variant}", command
    for side in options.side:
        name, _, command = side.partition("=")
        yield name, command


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--torch-python", metavar="PYTHON", help="an interpreter that has torch")
    parser.add_argument("--keras-python", metavar="PYTHON", help="one that has tensorflow, keras")
    parser.add_argument("--hpac", metavar="PROGRAM", default="build/bench/train_step")
    parser.add_argument("--no-hpac", dest="hpac", action="store_const", const=None)
    parser.add_argument("--side", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--network", default="reference", help="or the name of one in configs/")
    parser.add_argument("--predict", action="store_true", help="evaluate instead of training")
    parser.add_argument("--size", type=int, default=128, help="rows and columns of an image")
    parser.add_argument("--variants", nargs="*", help="only these sides, such as torch-compile")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="batches per round")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="show the messages of the sides")
    return parser.parse_args()


def main():
    options = parse()
    running = []
    for name, command in sides(options):
        running.append(Side(name, command, options))
        print(f"{name}: {running[-1].version}", file=sys.stderr)
    if not running:
        raise SystemExit("train_step: no side to measure")
    for round_number in range(options.rounds):
        for side in running:
            side.turn(options.steps * options.batch)
        print(f"round {round_number + 1} of {options.rounds}", file=sys.stderr)
    for side in running:
        side.end()
    print_table(options, running)


def print_table(options, running):
    print(
        f"{options.network}, {'prediction' if options.predict else 'training'}, {options.size} x "
        f"{options.size}, batch {options.batch}, {options.threads} threads, median of {options.rounds} rounds of "
        f"{options.steps} batches"
    )
    print(
        f"{'side':<24} {'images/s':>9} {'range':>17} {'hpac/side':>9} {'CPU ms/image':>13} "
        f"{'peak MiB':>9}  version"
    )
    hpac = next((side for side in running if side.name == "hpac"), None)
    for side in running:
        ratio = "-"
        if hpac:
            ratios = [ours / theirs for ours, theirs in zip(hpac.rates, side.rates)]
            ratio = f"{statistics.median(ratios):.2f}"
        span = f"{min(side.rates):.1f}..{max(side.rates):.1f}"
        print(
            f"{side.name:<24} {statistics.median(side.rates):>9.1f} {span:>17} {ratio:>9} "
            f"{statistics.median(side.processor_ms):>13.2f} {side.peak_mib:>9.0f}  {side.version}"
        )


if __name__ == "__main__":
    main()
