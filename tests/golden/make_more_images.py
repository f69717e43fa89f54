"""Makes more_images.bin: WebP, JPEGs with stray bytes, BMPs from the top down, and every EXIF orientation, with Pillow's pixels.

Run with Pillow installed (made with 13.0): python make_more_images.py. Each case is little-endian: int32 length of the name, name, int32 1 where
ImageOps.exif_transpose was applied, int32 length of the file, file, int32 width, height, then height * width * 3 bytes.
"""
import io
import pathlib
import struct

from PIL import Image, ImageOps

from make_images import encoded, smooth
from make_resize import pattern


def stray(jpeg, before):
    """Three zero bytes before the last marker `before`: Pillow reads on."""
    at = jpeg.rindex(bytes([0xff, before]))
    return jpeg[:at] + b"\0\0\0" + jpeg[at:]


def from_the_top(bmp):
    first, width, height = struct.unpack_from("<i", bmp, 10)[0], *struct.unpack_from("<2i", bmp, 18)
    row = (width * struct.unpack_from("<H", bmp, 28)[0] + 31) // 32 * 4
    rows = [bmp[first + row * y:first + row * (y + 1)] for y in range(height)]
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:first] + b"".join(reversed(rows))


def bmp_of(image, bits, masks=(), header=40, table=0):
    """By hand, as Pillow writes none of these: 16-bit fields, the 56-byte header of old Photoshop, a table beside 24 bits."""
    rows = []
    for y in reversed(range(image.height)):
        row = b""
        for x in range(image.width):
            pixel = image.getpixel((x, y))
            if bits == 24:
                row += bytes(reversed(pixel))
                continue
            word = 0
            for value, mask in zip(pixel, masks or (0x7c00, 0x3e0, 0x1f)):
                low = (mask & -mask).bit_length() - 1
                word |= (value >> (8 - bin(mask).count("1"))) << low
            row += word.to_bytes(bits // 8, "little")
        rows.append(row + bytes(-len(row) % 4))
    behind = struct.pack("<3I", *masks) if masks else b""
    info = struct.pack("<I2i2H6I", header, image.width, image.height, 1, bits, 3 if masks else 0, 0, 2835, 2835, table, 0)
    info += behind
    info += bytes(max(0, header - len(info))) + b"\1\2\3\0" * table
    pixels = b"".join(rows)
    return struct.pack("<2sI2HI", b"BM", 14 + len(info) + len(pixels), 0, 0, 14 + len(info)) + info + pixels


def palette_bmp(pattern, bits, header=40, named=None, gap=0):
    """By hand: OS/2's palettes of 3 bytes, tables that name fewer colours than the pixels use, bytes between table and pixels."""
    entries = 1 << bits if named is None else named
    table = b"".join(bytes(((37 * i) % 256, (91 * i + 5) % 256, (151 * i + 9) % 256)) + (b"" if header == 12 else b"\0") for i in range(entries))
    rows = b""
    for y in reversed(range(pattern.height)):
        row, word, filled = b"", 0, 0
        for x in range(pattern.width):
            word, filled = word << bits | sum(pattern.getpixel((x, y))) % (1 << bits), filled + bits
            if filled == 8 or x == pattern.width - 1:
                row, word, filled = row + bytes((word << (8 - filled) & 255,)), 0, 0
        rows += row + bytes(-len(row) % 4)
    if header == 12:
        info = struct.pack("<I4H", 12, pattern.width, pattern.height, 1, bits)
    else:
        info = struct.pack("<I2i2H6I", header, pattern.width, pattern.height, 1, bits, 0, 0, 2835, 2835, named or 0, 0)
        info += bytes(header - len(info))
    first = 14 + len(info) + len(table) + gap
    return struct.pack("<2sI2HI", b"BM", first + len(rows), 0, 0, first) + info + table + bytes(gap) + rows


def cases():
    rgb, noise = smooth(21, 15), pattern(11, 7)
    alpha = rgb.copy()
    alpha.putalpha(rgb.getchannel("G"))
    yield "webp", False, encoded(rgb, format="WEBP", quality=80)
    yield "webp lossless", False, encoded(noise, format="WEBP", lossless=True)
    yield "webp alpha", False, encoded(alpha, format="WEBP", quality=80)
    yield "webp lossless alpha", False, encoded(alpha, format="WEBP", lossless=True, exact=True)
    jpeg = encoded(rgb, format="JPEG", quality=85)
    yield "jpeg, stray bytes before a table", False, stray(jpeg, 0xc4)
    yield "jpeg, stray bytes before the end", False, stray(jpeg, 0xd9)
    for name, image in (("bmp", noise), ("bmp palette", noise.quantize(16)), ("bmp alpha", alpha)):
        yield name + " from the top", False, from_the_top(encoded(image, format="BMP"))
    many = smooth(67, 35)
    yield "bmp 555", False, bmp_of(many, 16)
    yield "bmp 565", False, bmp_of(many, 16, (0xf800, 0x7e0, 0x1f))
    yield "bmp 565, 56-byte header", False, bmp_of(many, 16, (0xf800, 0x7e0, 0x1f), header=56)
    yield "bmp 32 bits, 56-byte header", False, bmp_of(noise, 32, (0xff0000, 0xff00, 0xff), header=56)
    yield "bmp 24 bits, 56-byte header", False, bmp_of(noise, 24, header=56)
    yield "bmp 24 bits with a table", False, bmp_of(noise, 24, table=16)
    yield "bmp 24 bits, 124-byte header and a table", False, bmp_of(noise, 24, header=124, table=256)
    for bits in (1, 4, 8):
        yield f"bmp of OS/2, {bits} bits", False, palette_bmp(many, bits, header=12)
        yield f"bmp of {bits} bits, 52-byte header", False, palette_bmp(noise, bits, header=52)
    for bits, named in ((1, 1), (4, 3), (8, 2), (8, 17)):
        yield f"bmp of {bits} bits, {named} colours named", False, palette_bmp(many, bits, named=named)
    yield "bmp of 8 bits with a gap", False, palette_bmp(noise, 8, gap=2000)
    for orientation in range(0, 10):
        for endian in ("<", ">") if orientation in (3, 6) else ("<",):
            exif = Image.Exif()
            exif.endian = endian
            exif[0x0112] = orientation
            for kind, options in (("jpeg", {"format": "JPEG", "quality": 90}), ("png", {"format": "PNG"}),
                                  ("webp", {"format": "WEBP", "lossless": True})):
                for apply in (True, False) if orientation == 6 else (True,):
                    yield f"{kind} orientation {orientation}{endian}", apply, encoded(smooth(19, 10), exif=exif, **options)
    exif = Image.Exif()
    exif[0x0112] = 8
    yield "jpeg cmyk orientation 8", True, encoded(rgb.convert("CMYK"), format="JPEG", quality=95, exif=exif)
    yield "jpeg progressive orientation 5", True, encoded(smooth(19, 10), format="JPEG", progressive=True, exif=exif)
    broken = bytearray(encoded(rgb, format="JPEG", exif=exif))
    broken[broken.index(b"Exif\0\0") + 6:broken.index(b"Exif\0\0") + 8] = b"XX"
    yield "jpeg damaged exif", False, bytes(broken)


def main():
    out = bytearray()
    for name, apply, data in cases():
        image = Image.open(io.BytesIO(data))
        image = (ImageOps.exif_transpose(image) if apply else image).convert("RGB")
        label = name.encode()
        out += struct.pack("<i", len(label)) + label + struct.pack("<2i", apply, len(data)) + data
        out += struct.pack("<2i", image.width, image.height) + image.tobytes()
    pathlib.Path(__file__).with_name("more_images.bin").write_bytes(out)


if __name__ == "__main__":
    main()
