#!/usr/bin/env python3
"""PyTorch's side of train_step.py: trains or evaluates STEPS batches for each line it reads, prints
images/s. The networks of configs/ are torchvision's.

    python train_step_torch.py {contiguous,channels_last,compile,compile_contiguous} --steps 10
        --batch 64 --threads 2 [--network resnet18] [--size 128] [--predict]
"""

import os
import sys
import time

from train_step_common import CLASSES, DEVIATION, MEAN, data, parse

options = parse("contiguous", "channels_last", "compile", "compile_contiguous")
os.environ["OMP_NUM_THREADS"] = str(options.threads)
import torch
from torch import nn

torch.set_num_threads(options.threads)
torch.manual_seed(0)
channels_last = options.variant in ("channels_last", "compile")
channels = options.channels


def reference():
    side = (options.size - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3),
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


def with_channels(convolution):
    made = nn.Conv2d(
        channels,
        convolution.out_channels,
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
        bias=convolution.bias is not None,
    )
    return made


def published():
    import torchvision

    network = getattr(torchvision.models, options.network)(num_classes=CLASSES)
    if options.network.startswith("resnet"):
        network.conv1 = with_channels(network.conv1)
    elif options.network.startswith("densenet"):
        network.features.conv0 = with_channels(network.features.conv0)
    else:
        network.features[0][0] = with_channels(network.features[0][0])
    return network


is_reference = options.network == "reference"
model = reference() if is_reference else published()
if channels_last:
    model = model.to(memory_format=torch.channels_last)
model.train(not options.predict)
loss_of = nn.BCEWithLogitsLoss()
parameters = model.parameters()
if is_reference:
    optimizer = torch.optim.Adadelta(parameters, lr=1.0, rho=0.95, eps=1e-7)
else:
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
scale = torch.tensor([1 / d for d in DEVIATION]).view(1, -1, 1, 1) / 255
shift = torch.tensor([-m / d for m, d in zip(MEAN, DEVIATION)]).view(1, -1, 1, 1)


def prepare(x):
    return x.float().div_(255) if is_reference else x.float().mul_(scale).add_(shift)


def forward_backward(x, y):
    loss = loss_of(model(prepare(x)), y)
    loss.backward()
    return loss


def predict(x):
    return torch.sigmoid(model(prepare(x)))


if options.variant.startswith("compile"):
    forward_backward = torch.compile(forward_backward)
    predict = torch.compile(predict)

images, labels = data(options)
images = torch.from_numpy(images).permute(0, 3, 1, 2)  # NHWC in memory: channels last
if not channels_last:
    images = images.contiguous()
labels = torch.from_numpy(labels).float()


def step(i):
    part = slice(i * options.batch, (i + 1) * options.batch)
    if options.predict:
        with torch.inference_mode():
            return predict(images[part]).numpy()
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
