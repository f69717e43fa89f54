"""Makes degradation.bin: pictures made poor by scipy's Gaussian filter, Pillow's resize and Pillow's JPEG.

Run with Pillow, numpy and scipy installed: python make_degradation.py. Each case is little-endian: int32 length of the degradation's text,
the text, int32 picture (0: pattern, 1: smooth), width, height, then height * width * 3 bytes.
"""
import io
import pathlib
import struct

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from make_images import smooth
from make_resize import pattern

CASES = [
    ("blur=0.5", 0, 23, 17), ("blur=1.5", 0, 23, 17), ("blur=7", 0, 9, 5), ("blur=2", 1, 32, 32),
    ("downsample=2", 0, 24, 16), ("downsample=3.5", 0, 23, 17), ("downsample=8", 1, 33, 40), ("downsample=64", 0, 12, 12),
    ("jpeg=1", 0, 23, 17), ("jpeg=30", 0, 23, 17), ("jpeg=30", 1, 33, 40), ("jpeg=75", 1, 32, 32), ("jpeg=95", 0, 16, 16),
    ("jpeg=100", 0, 17, 1), ("blur=1.25,downsample=2.5,jpeg=40", 1, 40, 33), ("blur=1.25,downsample=2.5,jpeg=40", 0, 40, 33),
]


def degrade(image, name, value):
    if name == "blur":
        pixels = np.asarray(image, dtype=np.float64)
        return Image.fromarray(np.rint(gaussian_filter(pixels, (value, value, 0), mode="reflect", truncate=4)).astype(np.uint8))
    if name == "downsample":
        small = tuple(max(1, int(np.floor(side / value + 0.5))) for side in image.size)
        return image.resize(small, Image.BILINEAR).resize(image.size, Image.BILINEAR)
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=int(value))
    return Image.open(file).convert("RGB")


def main():
    out = bytearray()
    for text, kind, width, height in CASES:
        image = smooth(width, height) if kind else pattern(width, height)
        for part in text.split(","):
            name, value = part.split("=")
            image = degrade(image, name, float(value))
        out += struct.pack("<i", len(text)) + text.encode() + struct.pack("<3i", kind, width, height) + image.tobytes()
    pathlib.Path(__file__).with_name("degradation.bin").write_bytes(out)


if __name__ == "__main__":
    main()
