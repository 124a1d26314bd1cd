#!/usr/bin/env python3
"""Training runs of the real Keras, for tests/unit/test_keras_golden.c.

    python tools/reference/make_keras_golden.py tests/golden

writes keras_train_<case>.csv: the losses of the first steps, the gradients of step 1 and the
weights after 5 steps. Initial weights, images and labels come from formula.py, so both sides start
the same; the batches are consecutive images; no dropout.

The network ends in logits here, with the cross-entropy from logits: Keras cuts probabilities at
1e-7, which the logits do not need. The function is the same.

TensorFlow's own kernels are used (TF_ENABLE_ONEDNN_OPTS=0). With its oneDNN the gradients of the full
network's convolutions are 2e-5 away from those of the same Keras in float64 (on values of 3e-3);
without it, 6e-9.

Rows: what,tensor,stride,count,norm,values. Tensors are counted over kernels and biases; `stride` is
the distance of the values kept (1: all), `count` the size of the tensor, `norm` its Euclidean norm.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy as np
import tensorflow as tf
from keras import layers

import formula

MAX_VALUES = 512  # of a tensor; a prime stride thins out the others

# name: shape, filters of the two convolutions, hidden units, classes, batch, steps, all values
CASES = {
    "small": ((12, 12, 2), (4, 5), 8, 3, 6, 20, True),
    "odd": ((13, 11, 3), (3, 7), 5, 2, 3, 20, True),  # pooling leaves a row and a column over
    "full": ((128, 128, 1), (16, 32), 64, 28, 8, 20, False),
    "color": ((64, 48, 4), (16, 32), 64, 3, 5, 20, False),
}


def build(shape, filters, hidden, classes):
    return keras.Sequential(
        [
            layers.Input(shape),
            layers.Conv2D(filters[0], 3, activation="relu"),
            layers.Conv2D(filters[1], 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(hidden, activation="relu"),
            layers.Dense(classes),
        ]
    )


def next_prime(n):
    while any(n % d == 0 for d in range(2, int(n**0.5) + 1)):
        n += 1
    return n


def rows(what, tensors, everything):
    for i, tensor in enumerate(tensors):
        flat = np.asarray(tensor).ravel()
        whole = everything or flat.size <= MAX_VALUES
        stride = 1 if whole else next_prime(flat.size // MAX_VALUES + 1)
        norm = np.linalg.norm(flat.astype(np.float64))
        values = ",".join(f"{v:.9g}" for v in flat[::stride])
        yield f"{what},{i},{stride},{flat.size},{norm:.9g},{values}\n"


def run(shape, filters, hidden, classes, batch, steps, everything):
    model = build(shape, filters, hidden, classes)
    formula.set_weights(model)
    loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-7)
    losses, lines = [], []
    for step in range(steps):
        first = step * batch
        x = formula.images(first, batch, shape).astype(np.float32) / np.float32(255)
        y = formula.labels(first, batch, classes).astype(np.float32)
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        if step == 0:
            lines += rows("gradient", gradients, everything)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        losses.append(float(loss))
        if step == 4:
            lines += rows("weights5", model.get_weights(), everything)
    text = ",".join(f"{v:.9g}" for v in losses)
    return [f"loss,0,1,{steps},0,{text}\n", *lines]


def main(directory):
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    for name, case in CASES.items():
        with open(os.path.join(directory, f"keras_train_{name}.csv"), "w") as out:
            out.write(
                f"# tools/reference/make_keras_golden.py, Keras {keras.__version__}, "
                f"TensorFlow {tf.__version__}, CPU, float32, without oneDNN, deterministic; see there\n"
            )
            out.write("what,tensor,stride,count,norm,values\n")
            out.writelines(run(*case))


if __name__ == "__main__":
    main(sys.argv[1])
