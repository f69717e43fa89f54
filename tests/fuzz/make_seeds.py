#!/usr/bin/env python3
"""Makes tests/fuzz/seeds: a small file of every kind of picture, for the fuzzers to begin with.

usage: python3 tests/fuzz/make_seeds.py      (Pillow; the other seeds are files of other tests, and seeds/pack: fledge data prepare of three of seeds/png)
"""
import os
import struct
import zlib

from PIL import Image

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")


def place(name):
    path = os.path.join(ROOT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write(name, data):
    with open(place(name), "wb") as f:
        f.write(data)


def picture(mode, width=11, height=7):
    bands = len(mode) if mode in ("L", "LA", "RGB", "RGBA", "CMYK") else 3
    data = bytes((x * 19 + y * 31 + c * 71) % 256 for y in range(height) for x in range(width) for c in range(bands))
    plain = Image.frombytes({1: "L", 2: "LA", 3: "RGB", 4: "CMYK" if mode == "CMYK" else "RGBA"}[bands], (width, height), data)
    return plain if plain.mode == mode else plain.convert(mode)


def exif(orientation):
    tags = Image.Exif()
    tags[0x112] = orientation
    return tags


def jpegs():
    rgb = picture("RGB", 17, 9)
    rgb.save(place("jpeg/plain.jpg"), quality=60)
    rgb.save(place("jpeg/progressive.jpg"), quality=60, progressive=True)
    rgb.save(place("jpeg/full.jpg"), quality=90, subsampling=0, exif=exif(6))
    picture("L").save(place("jpeg/grey.jpg"), quality=50)
    picture("CMYK").save(place("jpeg/cmyk.jpg"), quality=50)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced_png(width=9, height=9):
    """Adam7, which Pillow does not write: 8-bit grey."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b""
    for x0, y0, dx, dy in passes:
        for y in range(y0, height, dy):
            if x0 < width:
                rows += b"\0" + bytes((x * 9 + y * 17) % 256 for x in range(x0, width, dx))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pngs():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        name = mode.replace(";", "")
        source = picture("L").convert("I").convert("I;16") if mode == "I;16" else picture("RGB").convert(mode) if mode == "P" else picture("L").convert(mode) if mode == "1" else picture(mode)
        extra = {"transparency": 3} if mode == "P" else {}
        source.save(place(f"png/{name}.png"), exif=exif(3) if mode == "RGB" else None, **extra) if mode == "RGB" else source.save(place(f"png/{name}.png"), **extra)
    write("png/interlaced.png", interlaced_png())


def bmps():
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        source = picture("L").convert("1") if mode == "1" else picture("RGB").convert("P") if mode == "P" else picture(mode)
        source.save(place(f"bmp/{mode}.bmp"))
    pixels = bytes(range(8 * 3 * 4))
    head = struct.pack("<IiiHHIIiiII", 40, 8, -4, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    write("bmp/topdown.bmp", b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + head + pixels)
    core = struct.pack("<IHHHH", 12, 8, 4, 1, 24)
    write("bmp/core.bmp", b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + core + pixels)
    fields = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 16, 3, 16, 0, 0, 0, 0) + struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    write("bmp/565.bmp", b"BM" + struct.pack("<IHHI", 82, 0, 0, 66) + fields + bytes(range(16)))
    rle = bytes([4, 7, 0, 0, 4, 9, 0, 0, 0, 1])
    head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(rle), 0, 0, 16, 0) + bytes(range(64))
    write("bmp/rle8.bmp", b"BM" + struct.pack("<IHHI", 54 + 64 + len(rle), 0, 0, 54 + 64) + head + rle)


def webps():
    picture("RGB").save(place("webp/lossy.webp"), quality=40, exif=exif(8))
    picture("RGB").save(place("webp/lossless.webp"), lossless=True)
    picture("RGBA").save(place("webp/alpha.webp"), quality=40)
    picture("RGB").save(place("webp/animated.webp"), save_all=True, append_images=[picture("RGB").rotate(180)])


def texts():
    write("csv/quotes.csv", b'path,label,split,x,y,width,height,super_class\r\n"a ""b"", c.jpg",one,train,1,2,3,4,0\r\n'
          b'"d\ne.png", two ,test,,,,,1\r\n')
    write("csv/tabs.tsv", b"\xef\xbb\xbfpath\tlabel\na.jpg\t1\nb.jpg\t1.0\n")
    write("csv/cub.txt", b"1 001.A/a b.jpg\n2 002.B/c.jpg\n")
    write("toml/kinds.toml", b'lr = 1e-3\n[data]\nsize = 32\nquiet = true\nrecall-at = [1, 2, 4]\ntrain = \'a "b"\'\n')
    write("state/full.json", b'{"format":"fledge-state-2","step":12,"epoch":2,"batch":1,"seed":5,"order_hash":77,"finished":false,'
          b'"evaluation_due":true,"best":0.5,"best_step":8,"since_best":1,"epoch_sums":{"loss":1.5,"x":null},"log_lines":14,'
          b'"alarms":{"rank":[1.0,2.5]},"skipped":{"a.jpg":"cannot"},"result":"{}\\n"}')


def npy(descr, shape, numbers, fortran=False):
    head = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (10 + len(head)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + numbers


def embeddings():
    kinds = {"<f4": "f", "<f8": "d", "<f2": "e", "<i4": "i", "<i8": "q", "<i2": "h", "|i1": "b", "|u1": "B", "<u2": "H", "<u4": "I", "<u8": "Q", "|b1": "?"}
    for descr, code in kinds.items():
        write(f"npy/{descr[1:]}.npy", npy(descr, (2, 3), struct.pack("<6" + code, *range(6))))
    write("npy/big.npy", npy(">f4", (2, 3), struct.pack(">6f", *range(6))))
    write("npy/fortran.npy", npy("<f8", (2, 3), struct.pack("<6d", *range(6)), True))
    write("npy/empty.npy", npy("<f4", (0, 4), b""))
    write("table/plain.tsv", b"path\tlabel\na/1.jpg\tx\nb\\x09c.jpg\ty\n")
    write("table/content.tsv", b"path\tlabel\tcontent\na/1.jpg\tx\t" + b"0" * 32 + b"\nb.jpg\ty\t\nc.jpg\tz\tpixels:" + b"f" * 32 + b"\n")
    write("table/bom.tsv", b"\xef\xbb\xbfpath\tlabel\r\na.jpg\t x \r\n")


if __name__ == "__main__":
    embeddings()
    jpegs()
    pngs()
    bmps()
    webps()
    texts()
