"""Small trees in the exact form of each data set's layout, with pictures from a formula.

Writes, beside itself: cub/, cars_a/, cars_b/, cars_c/, products/, split/, list/ and mat/. Class ids lie on both sides
of each split. Needs NumPy, Pillow and SciPy (whose savemat writes the MATLAB files). usage: python3 make_layouts.py
"""
import csv
import shutil
import struct
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat as scipy_savemat

HERE = Path(__file__).resolve().parent
drawn = 0  # every picture has other pixels, so that nothing is a duplicate


def picture(path, grey=False):
    """Writes the next picture and returns a box inside it: x, y, width, height, from 0."""
    global drawn
    drawn += 1
    n = drawn
    width, height = 12 + n * 7 % 29, 12 + n * 11 % 23
    y, x = np.mgrid[0:height, 0:width]
    channels = [(x * (3 + c + n % 5) + y * (7 - c) + n * 31 * (c + 1)) % 256 for c in range(3)]
    pixels = np.stack(channels, -1).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert("L") if grey else image).save(path, "JPEG", quality=40, optimize=True)
    return 1 + n % 4, 2 + n % 3, width - 7, height - 8


def savemat(path, content, do_compression):
    """SciPy's, with a header that does not change with the clock."""
    scipy_savemat(path, content, do_compression=do_compression)
    data = path.read_bytes()
    path.write_bytes(b"MATLAB 5.0 MAT-file, made by make_layouts.py".ljust(116) + data[116:])


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(" ".join(str(f) for f in row) + "\n" for row in rows))


def fresh(name):
    shutil.rmtree(HERE / name, ignore_errors=True)
    return HERE / name


def make_cub():
    root = fresh("cub") / "CUB_200_2011"
    names = {c: f"{c:03d}.Bird_{c:03d}" for c in range(1, 201)}
    images, labels, boxes, split = [], [], [], []
    for c in (1, 2, 100, 101, 102, 200):
        for k in range(4):
            i = len(images) + 1
            file = f"{names[c]}/Bird_{k + 1:04d}_{796100 + i}.jpg"
            box = picture(root / "images" / file, grey=i == 7)
            images.append((i, file))
            labels.append((i, c))
            boxes.append((i, *(f"{v:.1f}" for v in box)))
            split.append((i, k % 2))
    lines(root / "images.txt", images)
    lines(root / "image_class_labels.txt", labels)
    lines(root / "bounding_boxes.txt", boxes)
    lines(root / "train_test_split.txt", split)
    lines(root / "classes.txt", names.items())


CAR_CLASSES = (1, 97, 98, 99, 173, 196)
CAR_NAMES = [f"Maker Model {196 - c} 2012" for c in range(196)]  # not in the order of the ids, as in the real set
CAR_NAMES[172] = "Ram C/V Cargo Van Minivan 2012"


def cell(texts):
    out = np.empty((1, len(texts)), dtype=object)
    out[0, :] = texts
    return out


def struct_array(fields, rows):
    out = np.zeros((1, len(rows)), dtype=[(f, object) for f in fields])
    for i, row in enumerate(rows):
        out[0, i] = row
    return out


def corners(box):
    """MATLAB's: from 1, the last pixel included, in the smallest integer type, as MATLAB stores them."""
    x, y, w, h = box
    return tuple(np.uint8(v) for v in (x + 1, y + 1, x + w, y + h))


BOX = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"]


def make_cars_a():
    root, mat = fresh("cars_a"), fresh("mat")
    mat.mkdir()
    rows = []
    for n in range(24):
        file = f"car_ims/{n + 1:06d}.jpg"
        box = picture(root / file, grey=n == 3)
        rows.append((file, *corners(box), np.uint8(CAR_CLASSES[n % 6]), np.uint8(n % 2)))
    content = {
        "annotations": struct_array(["relative_im_path", *BOX, "class", "test"], rows),
        "class_names": cell(CAR_NAMES),
    }
    savemat(root / "cars_annos.mat", content, do_compression=True)
    savemat(mat / "plain.mat", content, do_compression=False)
    # MATLAB keeps numbers of class double (6) as bytes where they fit; SciPy writes class uint8 (9) instead.
    flags = struct.pack("<IIII", 6, 8, 9, 0)
    double = struct.pack("<IIII", 6, 8, 6, 0)
    plain = (mat / "plain.mat").read_bytes()
    assert plain.count(flags) == 24 * 6
    (mat / "double.mat").write_bytes(plain.replace(flags, double))


def make_cars_b_and_c():
    b, c = fresh("cars_b"), fresh("cars_c")
    for part, annotations in (("train", "cars_train_annos"), ("test", "cars_test_annos_withlabels")):
        rows, table = [], []
        for n in range(12):
            class_id = CAR_CLASSES[n // 2]
            file = f"{n + 1:05d}.jpg"
            box = picture(b / f"cars_{part}" / file, grey=n == 5)
            rows.append((*corners(box), np.uint8(class_id), file))
            table.append((file, *corners(box), class_id))
            copy = c / "car_data/car_data" / part / CAR_NAMES[class_id - 1].replace("/", "-") / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(b / f"cars_{part}" / file, copy)
        (b / "devkit").mkdir(exist_ok=True)
        savemat(b / "devkit" / f"{annotations}.mat", {"annotations": struct_array([*BOX, "class", "fname"], rows)},
                do_compression=True)
        if part == "test":
            bare = [row[:4] + row[5:] for row in rows]
            savemat(b / "devkit/cars_test_annos.mat", {"annotations": struct_array([*BOX, "fname"], bare)},
                    do_compression=True)
        with open(c / f"anno_{part}.csv", "w", newline="") as f:
            csv.writer(f).writerows(table)
    savemat(b / "devkit/cars_meta.mat", {"class_names": cell(CAR_NAMES)}, do_compression=True)
    (c / "names.csv").write_text("".join(name + "\n" for name in CAR_NAMES))


def make_products():
    root = fresh("products") / "Stanford_Online_Products"
    kinds = ["bicycle", "cabinet", "chair", "coffee_maker", "fan", "kettle", "lamp", "mug", "sofa", "stapler", "table",
             "toaster"]
    i = 0
    for part, ids in (("train", (1, 2, 3, 11318)), ("test", (11319, 11320, 11321, 22634))):
        rows = [("image_id", "class_id", "super_class_id", "path")]
        for k, class_id in enumerate(ids):
            kind = 3 * k + 1
            for view in range(3):
                i += 1
                file = f"{kinds[kind - 1]}_final/{111085000000 + class_id}_{view}.JPG"
                picture(root / file, grey=i == 5)
                rows.append((i, class_id, kind, file))
        lines(root / f"Ebay_{part}.txt", rows)


def make_split():
    root = fresh("split")
    for part, ids in (("train", (1, 2, 100)), ("test", (101, 102))):
        for class_id in ids:
            for k in range(4):
                picture(root / part / f"{class_id:03d}.Bird" / f"{k}.jpg", grey=k == 1)


def make_list():
    root = fresh("list")
    rows = [("path", "split", "label", "x", "y", "width", "height", "super_class", "note")]
    for n in range(20):
        label = ["Ant, red", "bee", "cat", 'dog "Rex"', "10", "9"][n % 6]
        file = f"pictures/{n:02d}.jpg"
        box = picture(root / file, grey=n == 2)
        part, super_class = "train" if n % 6 < 3 else "test", n % 2 if n % 3 else ""
        rows.append((file, part, label, *(box if n % 5 else [""] * 4), super_class, "x"))
    with open(root / "list.csv", "w", newline="") as f:
        csv.writer(f).writerows(rows)


make_cub()
make_cars_a()
make_cars_b_and_c()
make_products()
make_split()
make_list()
