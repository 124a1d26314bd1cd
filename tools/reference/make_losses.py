#!/usr/bin/env python3
"""Losses of single logits with their gradients, for tests/unit/test_losses.c.

    python tools/reference/make_losses.py tests/golden

writes losses.csv: case,label,logit,loss,gradient, in double. "keras_..." is Keras's
BinaryFocalCrossentropy and BinaryCrossentropy with from_logits and smoothing, "torchvision" its
sigmoid_focal_loss, "asymmetric" the loss that Ridnik et al. publish
(https://github.com/Alibaba-MIIL/ASL, AsymmetricLoss, with the gradient of the weights), "weighted"
PyTorch's binary_cross_entropy_with_logits with pos_weight 3.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras
import torch
import torchvision

keras.backend.set_floatx("float64")
LOGITS = (-12.0, -4.5, -2.0, -0.3, 0.0, 0.125, 1.0, 3.75, 9.0)


def asymmetric(z, y, gamma_neg=4, gamma_pos=1, clip=0.05, eps=1e-8):
    """losses.py of the repository, its in-place and gradient switches left out."""
    xs_pos = torch.sigmoid(z)
    xs_neg = 1 - xs_pos
    if clip > 0:
        xs_neg = (xs_neg + clip).clamp(max=1)
    loss = y * torch.log(xs_pos.clamp(min=eps)) + (1 - y) * torch.log(xs_neg.clamp(min=eps))
    pt = xs_pos * y + xs_neg * (1 - y)
    return -(loss * torch.pow(1 - pt, gamma_pos * y + gamma_neg * (1 - y))).sum()


def of_keras(loss):
    return lambda z, y: loss(y.reshape(1, 1), z.reshape(1, 1))


CASES = {
    "keras_focal": of_keras(keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)),
    "keras_balanced": of_keras(
        keras.losses.BinaryFocalCrossentropy(
            True, alpha=0.25, gamma=1.5, from_logits=True, label_smoothing=0.1
        )
    ),
    "keras_smoothed": of_keras(
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2)
    ),
    "torchvision": lambda z, y: torchvision.ops.sigmoid_focal_loss(z, y, 0.25, 2.0, "sum"),
    "asymmetric": asymmetric,
    "asymmetric_unclipped": lambda z, y: asymmetric(z, y, 3, 0.5, 0),
    "asymmetric_smoothed": lambda z, y: asymmetric(z, 0.8 * y + 0.1),
    "weighted": lambda z, y: torch.nn.functional.binary_cross_entropy_with_logits(
        z, y, pos_weight=torch.tensor(3.0, dtype=torch.float64)
    ),
}


def main():
    with open(os.path.join(sys.argv[1], "losses.csv"), "w") as file:
        file.write("case,label,logit,loss,gradient\n")
        for name, loss in CASES.items():
            for label in (0, 1):
                for logit in LOGITS:
                    z = torch.tensor(logit, dtype=torch.float64, requires_grad=True)
                    value = loss(z, torch.tensor(float(label), dtype=torch.float64))
                    value.backward()
                    file.write(f"{name},{label},{logit},{value.item():.12g},{z.grad.item():.12g}\n")
    print("keras", keras.__version__, "torch", torch.__version__, "torchvision", torchvision.__version__)


if __name__ == "__main__":
    main()
