"""Writes a network as an ONNX file (IR 8, opset 13), by the wire format of protocol buffers: no package is needed."""
import struct

from network import Network

FLOAT, INT, INTS = 1, 2, 7  # AttributeProto.AttributeType


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def block(field, value):
    """A string, bytes, or a message."""
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    if isinstance(value, list):
        return block(1, name) + b"".join(number(8, v) for v in value) + number(20, INTS)
    if isinstance(value, float):
        return block(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, FLOAT)
    return block(1, name) + number(3, value) + number(20, INT)


def node(op, inputs, output, **attributes):
    return block(1, b"".join([block(1, i) for i in inputs] + [block(2, output), block(3, output), block(4, op)] +
                             [block(5, attribute(k, v)) for k, v in attributes.items()]))


def initializer(name, values):
    return block(5, b"".join([number(1, d) for d in values.shape] +
                             [number(2, 1), block(8, name), block(9, values.astype("<f4").tobytes())]))


def value_info(field, name, dims):
    shape = b"".join(block(1, number(1, d)) for d in dims)
    return block(field, block(1, name) + block(2, block(1, number(1, 1) + block(2, shape))))


def nodes_of(layer, parts):
    """Appends the layer's nodes and initializers; the activation is a node of its own, as exporters write it."""
    raw = layer.output + ".raw" if layer.relu else layer.output
    inputs = list(layer.inputs)
    for name in ("weight", "bias"):
        if getattr(layer, name) is not None:
            inputs.append(f"{layer.output}.{name}")
            parts.append(initializer(inputs[-1], getattr(layer, name)))
    both = [layer.stride, layer.stride]
    if layer.kind == "conv":
        parts.append(node("Conv", inputs, raw, kernel_shape=list(layer.weight.shape[2:]), strides=both,
                          pads=[layer.pad] * 4, group=layer.groups))
    elif layer.kind == "max_pool":
        parts.append(node("MaxPool", inputs, raw, kernel_shape=[3, 3], strides=both, pads=[layer.pad] * 4))
    elif layer.kind == "mean":
        parts.append(node("GlobalAveragePool", inputs, raw + ".map"))
        parts.append(node("Flatten", [raw + ".map"], raw, axis=1))
    elif layer.kind == "linear":
        parts.append(node("Gemm", inputs, raw, transB=1))
    else:
        parts.append(node("Add", inputs, raw))
    if layer.relu:
        parts.append(node("Relu", [raw], layer.output))


def write(model, path, batch, size):
    """model: a fledge model file. The file's network goes from "images" (batch,3,size,size) to "embedding" (batch,D), of
    unit length."""
    network, parts = Network(model), []
    for layer in network.layers:
        nodes_of(layer, parts)
    parts.append(node("ReduceL2", ["features"], "length", axes=[1], keepdims=1))
    parts.append(node("Div", ["features", "length"], "embedding"))
    graph = b"".join(parts) + block(2, "fledge") + value_info(11, "images", [batch, 3, size, size]) + \
        value_info(12, "embedding", [batch, network.layers[-1].weight.shape[0]])
    with open(path, "wb") as file:
        file.write(number(1, 8) + block(2, "fledge bench") + block(7, graph) + block(8, block(1, "") + number(2, 13)))
