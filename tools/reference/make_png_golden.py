"""Writes tests/golden/png/: small PNGs of every color type, bit depth and interlacing, made by the
few lines below from the standard, and gray.txt: their pixels as Pillow reads them.

    python tools/reference/make_png_golden.py tests/golden/png

A line of gray.txt: "name rows cols tolerance pixels", the pixels in hexadecimal. Tolerance 1
where rounding is free: color to gray, 16 bits to 8.
"""

import io
import itertools
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
NAMES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray_alpha", 6: "rgba"}
ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def filter_row(kind, row, above, step):
    out = bytearray([kind])
    for i, x in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        out.append((x - (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) & 255)
    return bytes(out)


def pack_rows(values, depth):
    """values: (rows, cols, samples). Rows of bytes, most significant bits first."""
    for row in values.reshape(len(values), -1):
        if depth == 16:
            yield row.astype(">u2").tobytes()
        else:
            bits = "".join(f"{v:0{depth}b}" for v in row)
            bits += "0" * (-len(bits) % 8)
            yield bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def filtered(values, depth, kinds):
    """All five filters in turn."""
    step = max(1, values.shape[2] * depth // 8)
    out, above = b"", None
    for row in pack_rows(values, depth):
        above = above or bytes(len(row))
        out += filter_row(next(kinds), row, above, step)
        above = row
    return out


def encode(values, color, depth, interlaced, extra=b""):
    rows, cols = values.shape[:2]
    kinds = itertools.cycle((4, 3, 2, 1, 0))
    if interlaced:
        raw = b"".join(
            filtered(part, depth, kinds)
            for r, dr, c, dc in ADAM7
            if (part := values[r::dr, c::dc]).size
        )
    else:
        raw = filtered(values, depth, kinds)
    header = struct.pack(">IIBBBBB", cols, rows, depth, color, 0, 0, int(interlaced))
    data = zlib.compress(raw, 9)
    half = len(data) // 2
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
        + chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:]) + chunk(b"IEND", b"")
    )


def gray_by_pillow(png):
    image = Image.open(io.BytesIO(png))
    if image.mode.startswith("I"):  # 16-bit gray: convert("L") would clip
        return np.rint(np.asarray(image).astype(float) / 257).astype(np.uint8)
    if image.mode in ("P", "RGBA", "LA"):  # without alpha
        image = image.convert("RGBA").convert("RGB")
    return np.asarray(image.convert("L"))


def pictures():
    """Names, pixels and chunks; 13 x 11 pixels have all seven passes of interlacing."""
    generator = np.random.default_rng(0)
    palette = generator.integers(0, 256, 768, dtype=np.uint8).tobytes()

    def draw(rows, cols, color, depth):
        return generator.integers(0, 1 << depth, (rows, cols, SAMPLES[color]))

    for color, depths in DEPTHS.items():
        for depth in depths:
            extra = chunk(b"PLTE", palette[: 3 << depth]) if color == 3 else b""
            for interlaced in (False, True):
                name = f"{NAMES[color]}_{depth}{'_interlaced' if interlaced else ''}"
                yield name, draw(11, 13, color, depth), color, depth, interlaced, extra
    gamma = chunk(b"gAMA", struct.pack(">I", 45455))
    text = chunk(b"tEXt", b"Comment\0made by hand")
    yield "gray_8_gamma_text", draw(11, 13, 0, 8), 0, 8, False, gamma + text
    yield "rgb_8_gamma", draw(11, 13, 2, 8), 2, 8, False, gamma
    yield "gray_8_transparent", draw(11, 13, 0, 8), 0, 8, False, chunk(b"tRNS", struct.pack(">H", 7))
    yield "gray_2_transparent", draw(11, 13, 0, 2), 0, 2, False, chunk(b"tRNS", struct.pack(">H", 2))
    yield "rgb_8_transparent", draw(11, 13, 2, 8), 2, 8, False, chunk(b"tRNS", bytes(6))
    with_alpha = chunk(b"PLTE", palette[:48]) + chunk(b"tRNS", bytes(range(0, 160, 10)))
    yield "palette_4_transparent", draw(11, 13, 3, 4), 3, 4, False, with_alpha
    for rows, cols in ((1, 1), (1, 5), (5, 1), (2, 3), (4, 4), (9, 2), (40, 21)):
        for interlaced in (False, True):
            name = f"gray_8_{rows}x{cols}{'_interlaced' if interlaced else ''}"
            yield name, draw(rows, cols, 0, 8), 0, 8, interlaced, b""


def main():
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "gray.txt", "w") as out:
        for name, values, color, depth, interlaced, extra in pictures():
            png = encode(values, color, depth, interlaced, extra)
            (directory / f"{name}.png").write_bytes(png)
            gray = gray_by_pillow(png)
            exact = color in (0, 4) and depth <= 8
            print(name, *gray.shape, int(not exact), gray.tobytes().hex(), file=out)


main()
