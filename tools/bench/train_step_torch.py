#!/usr/bin/env python3
"""PyTorch's side of train_step.py: trains STEPS batches for each line it reads, prints images/s.

    python train_step_torch.py {contiguous,channels_last,compile} --steps 10 --batch 64 --threads 2
"""

import os
import sys
import time

from train_step_common import CHANNELS, CLASSES, SIDE, data, parse

options = parse("contiguous", "channels_last", "compile")
os.environ["OMP_NUM_THREADS"] = str(options.threads)
import torch
from torch import nn

torch.set_num_threads(options.threads)
torch.manual_seed(0)
channels_last = options.variant != "contiguous"

side = (SIDE - 4) // 2
model = nn.Sequential(
    nn.Conv2d(CHANNELS, 16, 3),
    nn.ReLU(inplace=True),
    nn.Conv2d(16, 32, 3),
    nn.ReLU(inplace=True),
    nn.MaxPool2d(2),
    nn.Dropout(0.25),
    nn.Flatten(),
    nn.Linear(32 * side * side, 64),
    nn.ReLU(inplace=True),
    nn.Dropout(0.5),
    nn.Linear(64, CLASSES),
)
if channels_last:
    model = model.to(memory_format=torch.channels_last)
loss_of = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.95, eps=1e-7)


def forward_backward(x, y):
    loss = loss_of(model(x.float().div_(255)), y)
    loss.backward()
    return loss


if options.variant == "compile":
    forward_backward = torch.compile(forward_backward)

images, labels = data(options)
images = torch.from_numpy(images).permute(0, 3, 1, 2)  # NHWC in memory: channels last
if not channels_last:
    images = images.contiguous()
labels = torch.from_numpy(labels).float()


def step(i):
    part = slice(i * options.batch, (i + 1) * options.batch)
    optimizer.zero_grad(set_to_none=True)
    loss = forward_backward(images[part], labels[part])
    optimizer.step()
    return loss.item()


step(0)
step(0)
print("ready", torch.__version__, flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    for i in range(options.steps):
        step(i)
    print(options.steps * options.batch / (time.perf_counter() - start), flush=True)
