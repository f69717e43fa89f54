"""Makes resize.bin: what Pillow's antialiased bilinear resize gives for pictures drawn from a formula (tests/support/patterns.h has the same one).

Run with Pillow 12.3 or older installed (made with 12.3.0): python make_resize.py. Rows are resampled first, then columns, as all releases up to 12.3
do; Pillow 13.0 takes the columns first where that is less work, which changes the last case alone. Each case is little-endian: int32 in_w, in_h, out_w, out_h, then float32 box (4),
int32 kind (0: resize with box, 1: crop to the box first), then out_h * out_w * 3 bytes.
"""
import pathlib
import struct

from PIL import Image

CASES = [
    # in_w, in_h, out_w, out_h, box or None, kind
    (17, 13, 9, 7, None, 0),
    (17, 13, 40, 31, None, 0),
    (30, 20, 30, 11, None, 0),
    (30, 20, 12, 20, None, 0),
    (30, 20, 30, 20, None, 0),
    (64, 48, 5, 3, None, 0),
    (1, 1, 4, 5, None, 0),
    (5, 4, 1, 1, None, 0),
    (37, 29, 16, 16, (3, 5, 30, 27), 0),
    (37, 29, 16, 16, (3.25, 5.5, 30.75, 27.125), 0),
    (37, 29, 27, 22, (3.5, 5.25, 30.5, 27.25), 0),
    (37, 29, 16, 16, (3, 5, 30, 27), 1),
    (37, 29, 33, 20, (21, 13, 37, 29), 1),
    (48, 36, 24, 24, (7, 0, 40, 36), 1),
    (30, 90, 15, 9, None, 0),  # columns first gives other pixels
]


def pattern(width, height):
    image = Image.new("RGB", (width, height))
    pixels = image.load()
    for y in range(height):
        for x in range(width):
            pixels[x, y] = tuple(((x * x * (3 + c) + y * y * (5 - c) + x * y * 7 + (x * 37 + y * 101 + c * 59) % 97) % 256) for c in range(3))
    return image


def main():
    out = bytearray()
    for in_w, in_h, out_w, out_h, box, kind in CASES:
        image = pattern(in_w, in_h)
        box = box or (0, 0, in_w, in_h)
        if kind == 0:
            result = image.resize((out_w, out_h), Image.BILINEAR, box=box)
        else:
            result = image.crop(box).resize((out_w, out_h), Image.BILINEAR)
        out += struct.pack("<4i4fi", in_w, in_h, out_w, out_h, *box, kind) + result.tobytes()
    pathlib.Path(__file__).with_name("resize.bin").write_bytes(out)


if __name__ == "__main__":
    main()
