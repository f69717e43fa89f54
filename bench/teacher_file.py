"""Writes a file as PyTorch 0.3 wrote the paper's teacher: a pickled whole module, ResNet-101 with a head of 512, about 180 MB; stacked pickles,
storages behind them. Standard library only, no torch: the classes are empty ones under PyTorch's names. The weights repeat a short run of
numbers, as nothing here depends on them.

usage: python3 bench/teacher_file.py OUT.pkl
"""
import array
import collections
import pickle
import random
import struct
import sys
import types

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


def stand_in(module, name):
    """An empty class that pickles as module.name."""
    parts = module.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[: i + 1]), types.ModuleType(".".join(parts[: i + 1])))
    cls = type(name, (), {"__module__": module})
    setattr(sys.modules[module], name, cls)
    return cls


FloatStorage = stand_in("torch", "FloatStorage")
Parameter = stand_in("torch.nn.parameter", "Parameter")
CLASSES = {k: stand_in("torch.nn.modules." + m, k) for k, m in
           (("Conv2d", "conv"), ("BatchNorm2d", "batchnorm"), ("Linear", "linear"), ("Sequential", "container"))}
CLASSES["Bottleneck"] = stand_in("torchvision.models.resnet", "Bottleneck")
CLASSES["Trunk"] = stand_in("torchvision.models.resnet", "ResNet")
CLASSES["Net"] = stand_in("models.resnet", "ResNet")


def _rebuild_tensor(*parts):
    raise RuntimeError("only its name is written")


_rebuild_tensor.__module__ = "torch._utils"
sys.modules.setdefault("torch._utils", types.ModuleType("torch._utils"))._rebuild_tensor = _rebuild_tensor


class Storage:
    def __init__(self, key, numel, positive):
        self.key, self.numel, self.positive = key, numel, positive


class Tensor:
    def __init__(self, file, *shape, positive=False):
        numel = 1
        for n in shape:
            numel *= n
        self.storage, self.shape = Storage(str(94500000000000 + 64 * len(file.storages)), numel, positive), shape
        file.storages.append(self.storage)

    def __reduce_ex__(self, protocol):
        strides, n = [], 1
        for size in reversed(self.shape):
            strides.insert(0, n)
            n *= size
        return _rebuild_tensor, (self.storage, 0, tuple(self.shape), tuple(strides))


class Weight:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce_ex__(self, protocol):
        return Parameter, (self.tensor,), (True, False, None)


class File(pickle.Pickler):
    """The network and its pickler: storages go out as persistent ids."""

    def __init__(self, out):
        super().__init__(out, protocol=2)
        self.storages = []

    def persistent_id(self, value):
        if isinstance(value, Storage):
            return "storage", FloatStorage, value.key, "cuda:0", value.numel, None
        return None

    def module(self, kind, parameters=(), buffers=(), children=(), **attributes):
        m = CLASSES[kind]()
        m.__dict__.update(attributes, training=False, _backend=None,
                          _parameters=collections.OrderedDict((k, Weight(t)) for k, t in parameters),
                          _buffers=collections.OrderedDict(buffers), _modules=collections.OrderedDict(children))
        return m

    def conv(self, out, inputs, size, stride=1):
        return self.module("Conv2d", [("weight", Tensor(self, out, inputs, size, size))], stride=(stride, stride), padding=(size // 2, size // 2))

    def norm(self, n):
        return self.module("BatchNorm2d", [(k, Tensor(self, n)) for k in ("weight", "bias")],
                           [("running_mean", Tensor(self, n)), ("running_var", Tensor(self, n, positive=True))], eps=1e-5, momentum=0.1)

    def linear(self, out, inputs):
        return self.module("Linear", [("weight", Tensor(self, out, inputs)), ("bias", Tensor(self, out))])

    def block(self, inputs, planes, stride):
        children = [("conv1", self.conv(planes, inputs, 1)), ("bn1", self.norm(planes)), ("conv2", self.conv(planes, planes, 3, stride)),
                    ("bn2", self.norm(planes)), ("conv3", self.conv(4 * planes, planes, 1)), ("bn3", self.norm(4 * planes))]
        if inputs != 4 * planes:
            shortcut = [("0", self.conv(4 * planes, inputs, 1, stride)), ("1", self.norm(4 * planes))]
            children.append(("downsample", self.module("Sequential", children=shortcut)))
        return self.module("Bottleneck", children=children)

    def resnet101(self):
        children, inputs = [("conv1", self.conv(64, 3, 7, 2)), ("bn1", self.norm(64))], 64
        for i, count in enumerate((3, 4, 23, 3)):
            planes, blocks = 64 << i, []
            for j in range(count):
                blocks.append((str(j), self.block(inputs, planes, 2 if i and not j else 1)))
                inputs = 4 * planes
            children.append((f"layer{i + 1}", self.module("Sequential", children=blocks)))
        children.append(("fc", self.linear(1000, 2048)))
        embed = self.module("Sequential", children=[("bn", self.norm(1024)), ("linear", self.linear(512, 1024))])
        return self.module("Net", children=[("base", self.module("Trunk", children=children)), ("feat", self.linear(512, 2048)), ("Embed", embed)])


def write(path):
    with open(path, "wb") as out:
        pickle.dump(MAGIC, out, protocol=2)
        pickle.dump(VERSION, out, protocol=2)
        pickle.dump(dict(protocol_version=VERSION, little_endian=True, type_sizes=dict(short=2, int=4, long=4)), out, protocol=2)
        file = File(out)
        file.dump(file.resnet101())
        storages = sorted(file.storages, key=lambda s: s.key)
        pickle.dump([s.key for s in storages], out, protocol=2)
        random.seed(0)
        numbers = array.array("f", (random.gauss(0, 0.05) for _ in range(1 << 14)))
        variances = array.array("f", map(abs, numbers)).tobytes()
        numbers = numbers.tobytes()
        for s in storages:
            out.write(struct.pack("<q", s.numel))
            size = 4 * s.numel
            out.write(((variances if s.positive else numbers) * (size // len(numbers) + 1))[:size])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
