"""Lower bounds for training the improved model on a GPU: FLOPs and bytes of every launch of a step,
the floor of each, their sum, and what bounds a whole run. Arithmetic only: it needs no GPU.

    python3 tools/bench/gpu_floor.py [--gpu h100|rtx4090] [--precision fp32|tf32|bf16] [--batch 128]
                                     [--part step|evaluation|fusion|run|all]

The floor of a launch is the max of FLOPs / peak, bytes / bandwidth and the time of a launch. Bytes are
those a launch must move if nothing is left in the caches by the one before it. The launches are those
of src/device/cuda and kernels/, in their order, as the CUDA simulator recorded them.
docs/gpu-performance.md explains the figures.
"""

import argparse
from dataclasses import dataclass

# Dense peaks in FLOP/s and bytes/s, by NVIDIA's data sheets: "H100 Tensor Core GPU" (SXM; its tensor
# figures are given with sparsity, twice these) and "NVIDIA Ada GPU Architecture" (GeForce RTX 4090;
# bf16 with float32 sums). PCIe: 16 lanes, one direction.
GPUS = {
    "h100": dict(name="H100 SXM", fp32=67e12, tf32=494.7e12, bf16=989.4e12, memory=3.35e12, pcie=64e9),
    "rtx4090": dict(name="RTX 4090", fp32=82.6e12, tf32=82.6e12, bf16=165.2e12, memory=1.008e12, pcie=32e9),
}
LAUNCH_S = 2e-6  # assumed: one kernel after another inside a graph

# The improved model (configs/improved_batch128.yaml) and its data: the first of 3 folds.
SIDE, CONV1, CONV2, HIDDEN, CLASSES = 128, 16, 32, 64, 3
TRAIN_IMAGES, VALIDATION_IMAGES, EPOCHS = 20714, 10358, 10

# Measured, on 2 cores of a Xeon (Sapphire Rapids): README's "Speed"; docs/gpu-performance.md.
DECODED_PER_CORE_S = 1135
CORES = 16
SAVING_S = 3.0  # ten resume.h5 of 95 MB, six best.h5 and a model.h5 of 32 MB, flushed to the disk
CHECKING_S = 0.4  # all labels and 31,072 files, already in the system's cache
# Assumed: the driver's context, loading cuDNN's and our own code, the first call of each plan.
START_S = 1.1

# Shares of the peaks reached, assumed: of memory by own kernels, of arithmetic by convolutions and
# products on CUDA cores and on tensor cores (16 and 32 channels fill them badly).
ASSUMPTIONS = {
    "floor": dict(memory=1.0, fp32=1.0, tensor=1.0),
    "expected": dict(memory=0.8, fp32=0.4, tensor=0.2),
    "cautious": dict(memory=0.5, fp32=0.15, tensor=0.1),
}


@dataclass
class Launch:
    name: str
    nbytes: float
    flops: float = 0.0
    library: bool = False  # cuDNN or cuBLAS, which compute in the chosen precision


class Model:
    """Counts of values, and the launches of a step and of an evaluated batch."""

    def __init__(self, batch, precision):
        rows1, rows2, rows3 = SIDE - 2, SIDE - 4, (SIDE - 4) // 2
        self.batch, self.bf16 = batch, precision == "bf16"
        self.width = 2 if self.bf16 else 4  # bytes of an activation
        self.pixels = batch * SIDE * SIDE
        self.first = batch * rows1 * rows1 * CONV1
        self.second = batch * rows2 * rows2 * CONV2
        self.pooled = batch * rows3 * rows3 * CONV2
        self.inputs = rows3 * rows3 * CONV2
        self.kernel1, self.kernel2 = 9 * CONV1, 9 * CONV1 * CONV2
        self.dense1, self.dense2 = self.inputs * HIDDEN, HIDDEN * CLASSES
        self.hidden, self.logits = batch * HIDDEN, batch * CLASSES
        self.parameters = (
            self.kernel1 + CONV1 + self.kernel2 + CONV2 + self.dense1 + HIDDEN + self.dense2 + CLASSES
        )

    def cast(self, name, count):
        """bf16 casts its parameters in every forward."""
        return [Launch(f"cast {name} to bf16", 6 * count)] if self.bf16 else []

    def batch_launches(self):
        """A resident batch: its sample indices are uploaded, targets and pixels are gathered."""
        return [
            Launch("gather targets", 2 * self.logits),
            Launch("gather pixels", 2 * self.pixels),
        ]

    def forward(self, training):
        width = self.width
        pool_bytes = (self.second + self.pooled) * width + (self.pooled if training else 0)
        drop = " + dropout" if training else ""
        return [
            Launch("pixels: bytes to floats", self.pixels * (1 + width)),
            *self.cast("conv1", self.kernel1),
            Launch(
                "conv1 + bias + relu", (self.pixels + self.first + self.kernel1) * width,
                2 * self.first * 9, True,
            ),
            *self.cast("conv2", self.kernel2),
            Launch(
                "conv2 + bias + relu", (self.first + self.second + self.kernel2) * width,
                2 * self.second * 9 * CONV1, True,
            ),
            Launch(f"maxpool{drop}", pool_bytes, library=not training),
            *self.cast("dense1", self.dense1),
            Launch(
                "dense1", (self.pooled + self.dense1) * width + self.hidden * 4,
                2 * self.hidden * self.inputs, True,
            ),
            Launch(f"bias + relu{drop}", self.hidden * (4 + width)),
            *self.cast("dense2", self.dense2),
            Launch("dense2", (self.hidden + self.dense2) * width + self.logits * 4, 2 * self.logits * HIDDEN, True),
            Launch("bias", 8 * self.logits),
            Launch("loss, counts" + (", gradient" if training else ""), 13 * self.logits),
        ]

    def backward(self):
        width, wide = self.width, 4
        narrow = [Launch("cast dz of dense2 to bf16", 6 * self.logits)] if self.bf16 else []
        widen = (lambda name, count: [Launch(f"cast d{name} to float32", 6 * count)]) if self.bf16 else (
            lambda name, count: []
        )
        return [
            Launch("bias gradient of dense2", 4 * self.logits),
            *narrow,
            Launch("d kernel of dense2", (self.hidden + self.logits) * width + self.dense2 * wide,
                   2 * self.logits * HIDDEN, True),
            Launch("d input of dense2", (self.logits + self.dense2 + self.hidden) * width,
                   2 * self.logits * HIDDEN, True),
            Launch("back through dropout, relu, bias", 3 * self.hidden * width),
            Launch("d kernel of dense1", (self.pooled + self.hidden) * width + self.dense1 * wide,
                   2 * self.hidden * self.inputs, True),
            Launch("d input of dense1", (self.hidden + self.dense1 + self.pooled) * width,
                   2 * self.hidden * self.inputs, True),
            Launch("back through dropout, maxpool, relu", (self.pooled + self.second) * width + self.pooled),
            Launch("sum of conv2's bias gradient", 1024 * CONV2 * 4),
            Launch("d kernel of conv2", (self.first + self.second) * width, 2 * self.second * 9 * CONV1, True),
            *widen("conv2", self.kernel2),
            Launch("d input of conv2", (self.second + self.first) * width, 2 * self.second * 9 * CONV1, True),
            Launch("back through relu, bias", 3 * self.first * width),
            Launch("sum of conv1's bias gradient", 1024 * CONV1 * 4),
            Launch("d kernel of conv1", (self.pixels + self.first) * width, 2 * self.first * 9, True),
            *widen("conv1", self.kernel1),
        ]

    def step(self):
        return [
            *self.batch_launches(),
            Launch("set_step", 12),
            *self.forward(True),
            *self.backward(),
            Launch("adadelta", 28 * self.parameters),
        ]

    def evaluation(self):
        return [*self.batch_launches(), *self.forward(False)]

    def fusions(self):
        """What could still be one launch: its name, the launches that it replaces, and itself."""
        width = self.width
        pooled_nbytes = self.pooled * (width + 1)  # values, and the argmax
        quarter = 2 * self.second * 9 * CONV1 / 4  # one of the four values of a window has a gradient
        return [
            ("maxpool and dropout at the end of conv2: its output is never in memory",
             ["conv2 + bias + relu", "maxpool + dropout"],
             [Launch("", self.first * width + pooled_nbytes, 2 * self.second * 9 * CONV1)]),
            ("both gradients of conv2 straight from the argmax: a quarter of the FLOPs",
             ["back through dropout, maxpool, relu", "d kernel of conv2", "d input of conv2"],
             2 * [Launch("", self.first * width + pooled_nbytes, quarter)]),
            ("relu and bias of conv1 at the end of conv2's d input",
             ["d input of conv2", "back through relu, bias"],
             [Launch("", (self.second + 2 * self.first) * width, 2 * self.second * 9 * CONV1)]),
            ("adadelta of dense1 at the end of its d kernel: the gradient is never in memory",
             ["d kernel of dense1", "adadelta"],
             [Launch("", self.pooled * width + 24 * self.dense1, 2 * self.hidden * self.inputs)]),
            ("gathers, set_step and pixels in one", ["gather targets", "gather pixels", "set_step",
             "pixels: bytes to floats"], [Launch("", self.pixels * (1 + width))]),
            ("bias, relu, dropout at the end of the dense layers' products", ["bias + relu + dropout", "bias"], []),
        ]


class Clock:
    """Times by the peaks of a GPU and the shares of them that are reached."""

    def __init__(self, gpu, precision, shares):
        self.memory = gpu["memory"] * shares["memory"]
        self.flops = gpu[precision] * (shares["fp32"] if gpu[precision] == gpu["fp32"] else shares["tensor"])

    def parts(self, launch):
        return launch.flops / self.flops, launch.nbytes / self.memory

    def launch_s(self, launch):
        return max(*self.parts(launch), LAUNCH_S)

    def bound(self, launch):
        arithmetic, memory = self.parts(launch)
        if max(arithmetic, memory) <= LAUNCH_S:
            return "launch"
        return "arithmetic" if arithmetic > memory else "memory"

    def total_s(self, launches):
        return sum(map(self.launch_s, launches))


def print_launches(title, launches, clock):
    print(f"{title}\n")
    print("| launch or call | MFLOP | MB | floor, us | bound by |\n|---|---|---|---|---|")
    for launch in launches:
        print(
            f"| {launch.name} | {launch.flops / 1e6:.1f} | {launch.nbytes / 1e6:.2f} "
            f"| {1e6 * clock.launch_s(launch):.1f} | {clock.bound(launch)} |"
        )
    flops, nbytes = sum(l.flops for l in launches), sum(l.nbytes for l in launches)
    print(
        f"| **{len(launches)} together** | **{flops / 1e6:.0f}** | **{nbytes / 1e6:.0f}** "
        f"| **{1e6 * clock.total_s(launches):.0f}** | |\n"
    )


def print_fusions(model, clock):
    step = {launch.name: launch for launch in model.step()}
    step_s = clock.total_s(step.values())
    print("What one launch in place of several would save of the floor\n")
    print("| in one | MB | MFLOP | us | of the step |\n|---|---|---|---|---|")
    for name, replaced, after in model.fusions():
        before = [step[one] for one in replaced]
        nbytes = sum(l.nbytes for l in before) - sum(l.nbytes for l in after)
        flops = sum(l.flops for l in before) - sum(l.flops for l in after)
        saved = clock.total_s(before) - clock.total_s(after)
        print(f"| {name} | {nbytes / 1e6:.0f} | {flops / 1e6:.0f} | {1e6 * saved:.0f} | {100 * saved / step_s:.0f} % |")
    print()


def run_seconds(model, gpu, precision, shares):
    """The parts of a whole run. Decoding overlaps the GPU's work of the first pass."""
    clock = Clock(gpu, precision, shares)
    steps = TRAIN_IMAGES // model.batch
    batches = -(-VALIDATION_IMAGES // model.batch)
    train_s = steps * clock.total_s(model.step())
    validate_s = batches * clock.total_s(model.evaluation())
    decode = DECODED_PER_CORE_S * CORES
    first_s = max(TRAIN_IMAGES / decode, train_s) + max(VALIDATION_IMAGES / decode, validate_s)
    return {
        "checking labels and files": CHECKING_S,
        "opening the GPU (assumed)": START_S,
        "first epoch, decoding": first_s,
        f"{EPOCHS - 1} epochs of training": (EPOCHS - 1) * train_s,
        f"{EPOCHS - 1} validations": (EPOCHS - 1) * validate_s,
        "saving": SAVING_S,
    }


def print_run(batch, gpu):
    print(f"A run of {EPOCHS} epochs on one {gpu['name']} with {CORES} cores, seconds\n")
    columns = [(p, a) for p in ("fp32", "tf32", "bf16") for a in ASSUMPTIONS]
    table = [run_seconds(Model(batch, p), gpu, p, ASSUMPTIONS[a]) for p, a in columns]
    print("| | " + " | ".join(f"{p}, {a}" for p, a in columns) + " |\n|---|" + "---|" * len(columns))
    for part in table[0]:
        print(f"| {part} | " + " | ".join(f"{run[part]:.2f}" for run in table) + " |")
    print("| **together** | " + " | ".join(f"**{sum(run.values()):.2f}**" for run in table) + " |\n")
    images = TRAIN_IMAGES + VALIDATION_IMAGES
    decode = images / (DECODED_PER_CORE_S * CORES)
    nbytes = images * (SIDE * SIDE + CLASSES)
    print(
        f"Decoding {images} PNGs on {CORES} cores: {decode:.2f} s. Their bytes, once: {nbytes / 1e6:.0f} MB, "
        f"{1e3 * nbytes / gpu['pcie']:.0f} ms of PCIe; in the GPU's memory they stay.\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", choices=GPUS, default="h100")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--part", choices=("step", "evaluation", "fusion", "run", "all"), default="all")
    arguments = parser.parse_args()
    gpu = GPUS[arguments.gpu]
    model = Model(arguments.batch, arguments.precision)
    clock = Clock(gpu, arguments.precision, ASSUMPTIONS["floor"])
    where = f"{arguments.precision} on one {gpu['name']}, batch {arguments.batch}"
    if arguments.part in ("step", "all"):
        print_launches(f"A training step, {where}", model.step(), clock)
    if arguments.part in ("evaluation", "all"):
        print_launches(f"An evaluated batch, {where}", model.evaluation(), clock)
    if arguments.part in ("fusion", "all"):
        print_fusions(model, clock)
    if arguments.part in ("run", "all"):
        print_run(arguments.batch, gpu)


if __name__ == "__main__":
    main()
