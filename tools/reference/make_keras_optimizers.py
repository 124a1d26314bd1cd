#!/usr/bin/env python3
"""Updates and learning rates of the real Keras, for tests/unit/test_update.c and test_schedule.c.

    python tools/reference/make_keras_optimizers.py tests/golden

writes keras_optimizers.csv: the 15 weights (a kernel (4, 3) and a bias (3)) after each of 20 updates
with given gradients; with accumulation after each of 20 steps, with a moving average that instead of
the weights. "everything" has the means of three steps' gradients, since Keras moves an average in steps
without an update, too. Weights and gradients come from formula.py, seed 0 and 1, and 100 + 2 x step and the
next. And keras_schedules.csv: learning rates of 40 updates, 8 per epoch.

Rows: case,step,values; and case,update,learning_rate. OneCycleLR is PyTorch's, whose formula is
written out here (torch.optim.lr_scheduler.OneCycleLR, anneal_strategy "cos", two phases).
"""

import math
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import formula
import keras
import numpy as np

SHAPES = ((4, 3), (3,))
STEPS = 20
UPDATES, PER_EPOCH = 40, 8
L2 = 0.01
optimizers = keras.optimizers

CASES = {
    "adadelta": lambda: optimizers.Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-7),
    "sgd": lambda: optimizers.SGD(learning_rate=0.01),
    "momentum": lambda: optimizers.SGD(learning_rate=0.01, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(),
    "adamw": lambda: optimizers.AdamW(),
    "cosine": lambda: optimizers.AdamW(
        learning_rate=optimizers.schedules.CosineDecay(
            0.0, UPDATES - PER_EPOCH, 0.01, warmup_target=0.001, warmup_steps=PER_EPOCH
        )
    ),
    "clipped": lambda: optimizers.AdamW(global_clipnorm=0.5),
    "l2": lambda: optimizers.SGD(learning_rate=0.01, momentum=0.9),
    "accumulated": lambda: optimizers.SGD(
        learning_rate=0.01, momentum=0.9, gradient_accumulation_steps=3
    ),
    "average": lambda: optimizers.Adam(use_ema=True, ema_momentum=0.9),
    "everything": lambda: optimizers.AdamW(
        learning_rate=optimizers.schedules.ExponentialDecay(0.001, PER_EPOCH, 0.5),
        global_clipnorm=1.3,
        use_ema=True,
        ema_momentum=0.9,
    ),
}


def run(name):
    """The weights, or their averages, after each step."""
    variables = [
        keras.Variable(formula.symmetric(i, shape, 0.5)) for i, shape in enumerate(SHAPES)
    ]
    optimizer = CASES[name]()
    optimizer.build(variables)
    averages = name in ("average", "everything")
    accumulated = []
    for step in range(STEPS):
        gradients = [
            formula.symmetric(100 + 2 * step + i, shape, 1.0) for i, shape in enumerate(SHAPES)
        ]
        accumulated.append(gradients)
        if name == "everything":
            gradients = [np.mean(tensors, axis=0) for tensors in zip(*accumulated[-3:])]
        if name == "l2":  # of keras.regularizers.L2(L2) on the kernel
            gradients[0] += np.float32(2 * L2) * keras.ops.convert_to_numpy(variables[0])
        if name != "everything" or step % 3 == 2:
            optimizer.apply(gradients)
        updated = int(optimizer.iterations) > 0
        kept = optimizer._model_variables_moving_average if averages and updated else variables
        yield step, np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in kept])


def one_cycle(top, total, pct_start, div_factor, final_div_factor, step):
    initial = top / div_factor
    rise = pct_start * total - 1
    low, high, share = initial, top, step / rise
    if step > rise:
        low, high = top, initial / final_div_factor
        share = (step - rise) / (total - 1 - rise)
    return high + (low - high) / 2.0 * (1 + math.cos(math.pi * share))


def after_warm_up(schedule, update):
    return 0.1 * update / 12 if update < 12 else schedule(update - 12)


STEP = optimizers.schedules.ExponentialDecay(0.1, 2 * PER_EPOCH, 0.5, staircase=True)
EXPONENTIAL = optimizers.schedules.ExponentialDecay(0.1, PER_EPOCH, 0.9)
SCHEDULES = {
    "step": STEP,
    "exponential": EXPONENTIAL,
    "step_warm_up": lambda update: after_warm_up(STEP, update),
    "exponential_warm_up": lambda update: after_warm_up(EXPONENTIAL, update),
    "cosine": optimizers.schedules.CosineDecay(0.1, UPDATES, 0.02),
    "warm_up": optimizers.schedules.CosineDecay(
        0.0, UPDATES - 12, 0.02, warmup_target=0.1, warmup_steps=12
    ),
    "one_cycle": lambda step: one_cycle(0.1, UPDATES, 0.3, 25.0, 1e4, step),
}


def main():
    directory = sys.argv[1]
    with open(os.path.join(directory, "keras_optimizers.csv"), "w") as out:
        out.write("case,step,values\n")
        for name in CASES:
            for step, values in run(name):
                out.write(f"{name},{step}," + " ".join(f"{v:.9g}" for v in values) + "\n")
    with open(os.path.join(directory, "keras_schedules.csv"), "w") as out:
        out.write("case,update,learning_rate\n")
        for name, schedule in SCHEDULES.items():
            for update in range(UPDATES):
                out.write(f"{name},{update},{float(schedule(update)):.9g}\n")


main()
