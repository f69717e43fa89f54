"""Writes a network as ncnn's pair of files, .param (text) and .bin (weights)."""
import collections

import numpy as np

from network import Network

RELU = 1  # ncnn's activation_type


def line(kind, name, inputs, outputs, **parameters):
    values = " ".join(f"{key[1:]}={value}" for key, value in parameters.items())
    return f"{kind} {name} {len(inputs)} {len(outputs)} {' '.join(inputs + outputs)} {values}".rstrip()


def lines_of(layer, inputs):
    """_0, _1, ...: the numbers that ncnn gives a layer's parameters."""
    if layer.kind == "conv":
        kernel, depthwise = layer.weight.shape[2], layer.groups > 1
        return [line("ConvolutionDepthWise" if depthwise else "Convolution", layer.output, inputs, [layer.output],
                     _0=layer.weight.shape[0], _1=kernel, _3=layer.stride, _4=layer.pad, _5=1, _6=layer.weight.size,
                     **({"_7": layer.groups} if depthwise else {}), **({"_9": RELU} if layer.relu else {}))]
    if layer.kind == "linear":
        return [line("InnerProduct", layer.output, inputs, [layer.output], _0=layer.weight.shape[0], _1=1,
                     _2=layer.weight.size)]
    if layer.kind == "max_pool":
        return [line("Pooling", layer.output, inputs, [layer.output], _0=0, _1=3, _2=layer.stride, _3=layer.pad, _5=1)]
    if layer.kind == "mean":
        return [line("Pooling", layer.output, inputs, [layer.output], _0=1, _4=1)]
    raw = layer.output + ".raw"
    return [line("BinaryOp", raw, inputs, [raw], _0=0), line("ReLU", layer.output, [raw], [layer.output])]


def write(model, param, weights, size):
    """The network goes from "images" (3,size,size, one picture) to "features" (D), which are not normalized."""
    layers = Network(model).layers
    uses = collections.Counter(name for layer in layers for name in layer.inputs)
    lines = [line("Input", "images", [], ["images"], _0=size, _1=size, _2=3)]
    taken = collections.Counter()
    with open(weights, "wb") as file:
        for layer in layers:
            inputs = []
            for name in layer.inputs:  # what is used twice comes from a layer that splits it
                taken[name] += 1
                inputs.append(name if uses[name] == 1 else f"{name}.{taken[name]}")
            lines += lines_of(layer, inputs)
            if uses[layer.output] > 1:
                copies = [f"{layer.output}.{i + 1}" for i in range(uses[layer.output])]
                lines.append(line("Split", layer.output + ".split", [layer.output], copies))
            if layer.weight is not None:
                file.write(b"\0\0\0\0")  # float32 follows
                file.write(np.ascontiguousarray(layer.weight, "<f4").tobytes())
                file.write(np.ascontiguousarray(layer.bias, "<f4").tobytes())
    blobs = sum(int(text.split()[3]) for text in lines)
    with open(param, "w") as file:
        file.write("\n".join(["7767517", f"{len(lines)} {blobs}"] + lines) + "\n")
