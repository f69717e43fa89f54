"""A fledge model file as a plain list of layers, batch norms folded into the convolutions before them: what the writers
of other programs' files need (onnx_file.py, ncnn_file.py)."""
import dataclasses

import numpy as np

import case_files

RESNETS = {"resnet18": (False, (2, 2, 2, 2)), "resnet34": (False, (3, 4, 6, 3)), "resnet50": (True, (3, 4, 6, 3)),
           "resnet101": (True, (3, 4, 23, 3)), "resnet152": (True, (3, 8, 36, 3))}
MOBILENET_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


@dataclasses.dataclass
class Layer:
    kind: str      # conv, add, max_pool, mean, linear
    inputs: list   # names of what goes in
    output: str
    weight: np.ndarray = None  # conv: K,C/groups,R,S; linear: out,in
    bias: np.ndarray = None
    stride: int = 1
    pad: int = 0
    groups: int = 1
    relu: bool = False


class Network:
    """layers in order, from "images" (N,3,H,W) to "features" (N,D), which are not normalized yet."""

    def __init__(self, path):
        self.tensors, metadata = case_files.model(path)
        if metadata["stem"] != "imagenet" or metadata.get("conventions", "torch") != "torch":
            raise ValueError("only networks for 224 px with torch's conventions")
        self.layers = []
        x = self.resnet(metadata["arch"]) if metadata["arch"] in RESNETS else self.mobilenet()
        x = self.add(Layer("mean", [x], "pooled"))
        self.add(Layer("linear", [x], "features", self.tensors["feat.weight"], self.tensors["feat.bias"]))

    def add(self, layer):
        self.layers.append(layer)
        return layer.output

    def conv(self, x, name, norm, stride=1, groups=1, relu=True):
        weight = np.asarray(self.tensors[name + ".weight"], np.float64)
        scale, shift, mean, variance = (np.asarray(self.tensors[f"{norm}.{part}"], np.float64)
                                        for part in ("weight", "bias", "running_mean", "running_var"))
        factor = scale / np.sqrt(variance + 1e-5)
        return self.add(Layer("conv", [x], norm, (weight * factor[:, None, None, None]).astype(np.float32),
                              (shift - mean * factor).astype(np.float32), stride, weight.shape[2] // 2, groups, relu))

    def resnet(self, arch):
        bottleneck, counts = RESNETS[arch]
        x = self.conv("images", "conv1", "bn1", 2)
        x = self.add(Layer("max_pool", [x], "pool", stride=2, pad=1))
        for stage, count in enumerate(counts):
            for block in range(count):
                x = self.block(x, f"layer{stage + 1}.{block}.", 2 if stage and not block else 1, bottleneck)
        return x

    def block(self, x, name, stride, bottleneck):
        y = x
        last = 3 if bottleneck else 2
        for i in range(1, last + 1):
            own = stride if i == (2 if bottleneck else 1) else 1
            y = self.conv(y, f"{name}conv{i}", f"{name}bn{i}", own, relu=i < last)
        if name + "downsample.0.weight" in self.tensors:
            x = self.conv(x, name + "downsample.0", name + "downsample.1", stride, relu=False)
        return self.add(Layer("add", [y, x], name + "sum", relu=True))

    def mobilenet(self):
        x = self.conv("images", "model.0.0", "model.0.1", 2)
        for i, stride in enumerate(MOBILENET_STRIDES, 1):
            channels = self.tensors[f"model.{i}.0.weight"].shape[0]
            x = self.conv(x, f"model.{i}.0", f"model.{i}.1", stride, channels)
            x = self.conv(x, f"model.{i}.3", f"model.{i}.4")
        return x
