"""Writes tests/golden/names/*.txt: names and shapes of real networks, as the packages that define them give them.

    python make_names.py            # wants torch, torchvision, timm, pytorchcv (versions in the first lines of the files)
    python make_names.py --shared ../../../shared   # also the list of the MobileNet weights there

One tensor a line, "name 64x3x7x7", in state-dict order; batch counters are left out of the networks that are refused.
"""
import argparse
import pathlib

import pytorchcv
import timm
import torch
import torchvision
from pytorchcv.model_provider import get_model

OUT = pathlib.Path(__file__).parent / "names"
ACCEPTED = {"timm": ["mobilenetv1_100", "mobilenetv1_125", "resnet34"],
            "pytorchcv": ["mobilenet_wd4", "mobilenet_w3d4"],
            "torchvision": ["resnet18", "resnet50"]}
REFUSED = {"timm": ["mobilenetv1_100h", "resnet18d", "resnet26", "seresnet18", "mobilenetv2_050"],
           "pytorchcv": ["fdmobilenet_wd4"],
           "torchvision": ["resnext50_32x4d", "wide_resnet50_2"]}
MAKE = {"timm": (timm.__version__, timm.create_model),
        "pytorchcv": (getattr(pytorchcv, "__version__", "0.0.74"), get_model),
        "torchvision": (torchvision.__version__, lambda name: getattr(torchvision.models, name)())}


def write(name, origin, state, counters=True):
    lines = [f"# {origin}"]
    for key, tensor in state.items():
        if counters or not key.endswith("num_batches_tracked"):
            lines.append(f"{key} {'x'.join(map(str, tensor.shape)) or 'scalar'}")
    (OUT / f"{name}.txt").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=pathlib.Path)
    shared = parser.parse_args().shared
    OUT.mkdir(exist_ok=True)
    with torch.device("meta"):
        for names, counters in ((ACCEPTED, True), (REFUSED, False)):
            for package, models in names.items():
                version, make = MAKE[package]
                for model in models:
                    write(f"{package}_{model}", f"{package} {version}, {model}", make(model).state_dict(), counters)
    if shared:
        file = shared / "weights" / "mobilenet_v1_0.25_imagenet.pth.tar"
        state = torch.load(file, map_location="cpu", weights_only=False)["state_dict"]
        write("stages_mobilenet_025", f"shared/weights/{file.name} (biubug6/Pytorch_Retinaface)", state)


if __name__ == "__main__":
    main()
