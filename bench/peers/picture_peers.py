"""torchvision, OpenCV and Pillow: JPEG files to normalized pictures as a network sees them. Short side 256 of 224, the
middle, ImageNet's mean and deviation. With more than one thread, pictures are spread over a pool of them: all three
leave Python's lock while they work.
"""
import concurrent.futures
import glob

import case_files
import numpy as np

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def version(peer, a):
    if peer == "torchvision":
        import torchvision
        return "torchvision " + torchvision.__version__
    if peer == "opencv":
        import cv2
        return "OpenCV " + cv2.__version__
    import PIL
    return "Pillow " + PIL.__version__


def torchvision_load(a, short):
    import torch
    from torchvision.io import decode_jpeg, read_file
    from torchvision.transforms import v2
    torch.set_num_threads(1)
    steps = v2.Compose([v2.Resize(short, antialias=True), v2.CenterCrop(a.size), v2.ToDtype(torch.float32, scale=True),
                        v2.Normalize(MEAN.tolist(), STD.tolist())])
    return lambda path: steps(decode_jpeg(read_file(path))).numpy()


def sides(width, height, short):
    return (short, short * height // width) if width < height else (short * width // height, short)


def middle(image, size):
    top, left = round((image.shape[0] - size) / 2), round((image.shape[1] - size) / 2)
    return image[top:top + size, left:left + size]


def normalized(image):
    return ((image.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)


def opencv_load(a, short):
    import cv2
    cv2.setNumThreads(1)

    def load(path):
        image = cv2.imread(path, cv2.IMREAD_COLOR)
        image = cv2.resize(image, sides(image.shape[1], image.shape[0], short), interpolation=cv2.INTER_AREA)
        return normalized(cv2.cvtColor(middle(image, a.size), cv2.COLOR_BGR2RGB))

    return load


def pillow_load(a, short):
    from PIL import Image

    def load(path):
        image = Image.open(path).convert("RGB")
        image = image.resize(sides(*image.size, short), Image.BILINEAR)
        return normalized(middle(np.asarray(image), a.size))

    return load


LOAD = {"torchvision": torchvision_load, "opencv": opencv_load, "pillow": pillow_load}


class Work:
    def __init__(self, a):
        self.a = a
        self.load = LOAD[a.peer](a, a.size * 256 // 224)
        self.paths = sorted(glob.glob(a.folder + "/pictures/all/*.jpg"))
        self.images = np.empty((len(self.paths), 3, a.size, a.size), np.float32)
        self.pool = concurrent.futures.ThreadPoolExecutor(a.threads) if a.threads > 1 else None

    def run(self):
        for i, image in enumerate((self.pool.map if self.pool else map)(self.load, self.paths)):
            self.images[i] = image

    def check(self):
        """On the average: decoders and filters round differently."""
        self.run()
        expected = case_files.array(self.a.folder, "loaded")
        own = np.abs(self.images[:len(expected)] - expected).mean()
        return case_files.compare("mean pixel", own, 0.0, 0.05)
