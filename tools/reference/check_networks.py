#!/usr/bin/env python3
"""Compares a network of configs/ with the published one: the number of parameters, and the predictions
with the same weights.

    python tools/reference/check_networks.py NAME RUN PNGS

NAME is resnet18 or resnet34 (compared with torchvision), densenet121 or efficientnet_b0 (with
keras.applications). RUN was made by `hpac train configs/NAME.yaml --out RUN`, with any images; PNGS
holds the input of the network for those of RUN/predictions.csv:

    hpac preprocess --images DIR --ids RUN/predictions.csv --channels red,green,blue,yellow \\
        --rows R --cols C --out PNGS

Also printed are the multiplications and additions of an image's forward pass, in GFLOP, as PyTorch counts them
(two for each weight that a value is multiplied by; of convolutions and dense layers alone). Fails when the
parameters differ, or a prediction by more than 1e-5. Needs h5py, Pillow, and torch and torchvision or keras.
"""

import csv
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import h5py
import numpy as np

TOLERANCE = 1e-5
CHANNELS = ("red", "green", "blue", "yellow")
MEAN = np.array([0.08, 0.05, 0.06, 0.08], np.float32)  # the first layer of configs/NAME.yaml
DEVIATION = np.array([0.14, 0.10, 0.15, 0.14], np.float32)
KERAS = {"densenet121": "DenseNet121", "efficientnet_b0": "EfficientNetB0"}


def read_images(names, directory):
    from PIL import Image

    def plane(name, channel):
        return np.asarray(Image.open(os.path.join(directory, f"{name}_{channel}.png")), np.float32)

    images = np.stack([np.stack([plane(name, c) for c in CHANNELS], -1) for name in names])
    return (images / np.float32(255) - MEAN) / DEVIATION


def read_weights(path):
    """{layer: {"kernel": ..., "gamma": ...}} of the layers that have weights."""
    weights = {}
    with h5py.File(path) as file:
        for name, group in file["model_weights"].items():
            found = {key.decode().split("/")[-1].split(":")[0]: np.asarray(group[key])
                     for key in group.attrs["weight_names"]}
            if found:
                weights[name] = found
    return weights


def count(weights):
    return sum(value.size for layer in weights.values() for value in layer.values())


# ---- torchvision -------------------------------------------------------------------------------


def torch_name(module):
    """layer2.0.downsample.1 is called conv3_block1_0_bn."""
    parts = module.split(".")
    if module in ("conv1", "bn1"):
        return "conv1_" + module[:-1]
    if module == "fc":
        return "predictions"
    block = f"conv{int(parts[0][-1]) + 1}_block{int(parts[1]) + 1}_"
    if parts[2] == "downsample":
        return block + "0_" + ("conv", "bn")[int(parts[3])]
    return block + parts[2][-1] + "_" + parts[2][:-1]


def torch_set(module, layer):
    import torch

    def put(tensor, value):
        assert tuple(tensor.shape) == value.shape, (tensor.shape, value.shape)
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)))

    with torch.no_grad():
        if "gamma" in layer:
            for tensor, key in ((module.weight, "gamma"), (module.bias, "beta"),
                                (module.running_mean, "moving_mean"), (module.running_var, "moving_variance")):
                put(tensor, layer[key])
        else:
            put(module.weight, np.transpose(layer["kernel"], (3, 2, 0, 1) if layer["kernel"].ndim == 4 else (1, 0)))
            if module.bias is not None:
                put(module.bias, layer["bias"])


def run_torch(name, weights, images):
    import torch
    import torchvision
    from torch.utils.flop_counter import FlopCounterMode

    model = getattr(torchvision.models, name)(num_classes=28)
    model.conv1 = torch.nn.Conv2d(4, 64, 7, 2, 3, bias=False)
    modules = {torch_name(key): module for key, module in model.named_modules()
               if not list(module.children()) and list(module.parameters())}
    assert modules.keys() == weights.keys(), modules.keys() ^ weights.keys()
    for key, module in modules.items():
        torch_set(module, weights[key])
    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        out = torch.sigmoid(model(torch.from_numpy(images.transpose(0, 3, 1, 2)))).numpy()
    states = [value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")]
    return sum(value.numel() for value in states), out, counter.get_total_flops() / len(images)


# ---- keras.applications ------------------------------------------------------------------------


def keras_flops(model):
    """Two for each weight that a value is multiplied by."""
    total = 0
    for layer in model.layers:
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D", "Dense"):
            pixels = np.prod(layer.output.shape[1:-1], initial=1)
            total += 2 * int(pixels) * int(np.prod(layer.kernel.shape))
    return total


def run_keras(name, weights, images):
    import keras

    model = getattr(keras.applications, KERAS[name])(
        weights=None, input_shape=images.shape[1:], classes=28, classifier_activation="sigmoid")
    own = {layer.name: layer for layer in model.layers if layer.weights and layer.name != "normalization"}
    assert own.keys() == weights.keys(), own.keys() ^ weights.keys()
    for key, layer in own.items():
        values = {v.name: v for v in layer.weights}
        assert values.keys() == weights[key].keys(), (key, values.keys() ^ weights[key].keys())
        for name_of, variable in values.items():
            variable.assign(weights[key][name_of])
    scaled = images * np.float32(255) if name.startswith("efficientnet") else images  # it divides by 255
    return (sum(layer.count_params() for layer in own.values()), model.predict(scaled, verbose=0),
            keras_flops(model))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    name, run, directory = sys.argv[1:]
    with open(os.path.join(run, "predictions.csv"), newline="") as file:
        rows = list(csv.reader(file))[1:]
    images = read_images([row[0] for row in rows], directory)
    written = np.array([[float(p) for p in row[1:]] for row in rows])
    weights = read_weights(os.path.join(run, "model.h5"))
    parameters, expected, flops = (run_keras if name in KERAS else run_torch)(name, weights, images)
    apart = np.abs(expected - written).max()
    print(f"{name}: {count(weights)} parameters, of the published network {parameters}; {len(rows)} images, "
          f"predictions {written.min():.4f} to {written.max():.4f}, largest difference {apart:.2e}, "
          f"allowed {TOLERANCE:g}; {flops / 1e9:.2f} GFLOP")
    sys.exit(0 if apart <= TOLERANCE and parameters == count(weights) else 1)


main()
