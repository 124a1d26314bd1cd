#!/usr/bin/env python3
"""Keras's side of train_step.py: trains STEPS batches for each line it reads, prints images/s.

    python train_step_keras.py {graph,xla} --steps 10 --batch 64 --threads 2
"""

import os
import sys
import time

from train_step_common import CHANNELS, CLASSES, SIDE, data, parse

options = parse("graph", "xla")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["OMP_NUM_THREADS"] = str(options.threads)
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)
import keras
from keras import layers

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        layers.Input((SIDE, SIDE, CHANNELS), dtype="uint8"),
        layers.Rescaling(1 / 255),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(CLASSES, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-7),
    loss="binary_crossentropy",
    jit_compile=options.variant == "xla",
)
images, labels = data(options)


def train(count):
    size = count * options.batch
    model.fit(
        images[:size], labels[:size], batch_size=options.batch, epochs=1, shuffle=False, verbose=0
    )


train(2)
print("ready", keras.__version__, "TensorFlow", tf.__version__, flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    train(options.steps)
    print(options.steps * options.batch / (time.perf_counter() - start), flush=True)
