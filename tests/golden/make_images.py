"""Makes images.bin: small files of each kind Pillow writes, with the pixels of Pillow's open(...).convert("RGB").

Run with Pillow installed: python make_images.py. Each case is little-endian: int32 length of the name, name, int32 length of the file, file,
int32 width, height, then height * width * 3 bytes. 16-bit grey is left out: there we differ by choice (io/README.md).
"""
import io
import pathlib
import struct

from PIL import Image

from make_resize import pattern


def smooth(width, height):
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            image.putpixel((x, y), (x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)))
    return image


def encoded(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def cases():
    rgb, noise = smooth(21, 15), pattern(11, 7)
    alpha = rgb.copy()
    alpha.putalpha(rgb.getchannel("G"))
    grey_alpha = alpha.convert("LA")
    yield "jpeg", encoded(rgb, format="JPEG", quality=85)
    yield "jpeg 4:4:4", encoded(rgb, format="JPEG", quality=95, subsampling=0)
    yield "jpeg progressive", encoded(rgb, format="JPEG", quality=75, progressive=True)
    yield "jpeg grey", encoded(rgb.convert("L"), format="JPEG")
    yield "jpeg cmyk", encoded(rgb.convert("CMYK"), format="JPEG", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "jpeg turned by exif", encoded(rgb, format="JPEG", exif=exif)
    yield "png", encoded(noise, format="PNG")
    yield "png alpha", encoded(alpha, format="PNG")
    yield "png grey", encoded(noise.convert("L"), format="PNG")
    yield "png grey alpha", encoded(grey_alpha, format="PNG")
    yield "png palette", encoded(noise.quantize(16), format="PNG")
    yield "png palette transparent", encoded(noise.quantize(16), format="PNG", transparency=3)
    yield "png one bit", encoded(noise.convert("1"), format="PNG")
    yield "bmp", encoded(noise, format="BMP")
    yield "bmp grey", encoded(noise.convert("L"), format="BMP")
    yield "bmp palette", encoded(noise.quantize(16), format="BMP")
    yield "bmp one bit", encoded(noise.convert("1"), format="BMP")
    yield "bmp alpha", encoded(alpha, format="BMP")


def main():
    out = bytearray()
    for name, data in cases():
        image = Image.open(io.BytesIO(data)).convert("RGB")
        label = name.encode()
        out += struct.pack("<i", len(label)) + label + struct.pack("<i", len(data)) + data
        out += struct.pack("<2i", image.width, image.height) + image.tobytes()
    pathlib.Path(__file__).with_name("images.bin").write_bytes(out)


if __name__ == "__main__":
    main()
