#!/usr/bin/env python3
"""Ten losses of a short training run, for tests/nn/training_golden_test.cpp.

A ResNet-18 a sixteenth as wide (torchvision's, first convolution 3x3 with stride 1, no max pool) with the paper's head learns from eight
pictures of 16 px in four classes: every active triplet with margin 0.2, plus 0.3 times the relative teacher's Frobenius norm to fixed
teacher embeddings of another size; Adam, rate 1e-3, weight decay 2e-4, batch norm in training mode. Each step sees the pictures in another
order. Weights, pictures and teacher are made by `formula` (formula.py); the losses and statistics after the run are stored, in
float64, in training.safetensors. Made with torch 2.15.0, torchvision 0.29.2. Run: python make_training.py
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock

from formula import formula

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)
STEPS, LABELS = 10, torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])


def stage(inp, out, stride):
    down = None if stride == 1 and inp == out else nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out))
    return nn.Sequential(BasicBlock(inp, out, stride, down), BasicBlock(out, out))


class Net(nn.Module):
    def __init__(self, base=4, embedding=8):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, base, 3, 1, 1, bias=False), nn.BatchNorm2d(base)
        self.layer1, self.layer2 = stage(base, base, 1), stage(base, 2 * base, 2)
        self.layer3, self.layer4 = stage(2 * base, 4 * base, 2), stage(4 * base, 8 * base, 2)
        self.feat = nn.Linear(8 * base, embedding)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return nn.functional.normalize(self.feat(x.mean((2, 3))))


def fill(module):
    """As in make_models.py; matrices are left in [-1, 1)."""
    for name, t in module.state_dict().items():
        if t.dim() == 0:
            continue
        u = formula(name, t.shape)
        if name.endswith("running_mean"):
            u = 0.2 * u
        elif name.endswith("running_var"):
            u = 1 + 0.5 * u
        elif name.endswith("bias"):
            u = 0.1 * u
        elif t.dim() == 1:
            u = 1 + 0.3 * u
        elif t.dim() == 4:
            u = u * (6.0 / t[0].numel()) ** 0.5
        t.copy_(u)


def distances(e):
    """Euclidean; the diagonal, which no loss reads, is zero without a gradient."""
    d2 = ((e[:, None] - e[None]) ** 2).sum(2)
    eye = torch.eye(len(e), dtype=torch.bool)
    return torch.where(eye, torch.zeros(()), torch.where(eye, torch.ones(()), d2).sqrt())


def triplet_all(d, margin):
    same = LABELS[:, None] == LABELS[None]
    positive, negative = same & ~torch.eye(len(LABELS), dtype=torch.bool), ~same
    hinge = torch.relu(d[:, :, None] - d[:, None, :] + margin)[positive[:, :, None] & negative[:, None, :]]
    return hinge.sum() / max(1, int((hinge > 0).sum()))


net = Net()
fill(net)
net.train()
pictures = formula("training pictures", (8, 3, 16, 16))
teacher = nn.functional.normalize(formula("training teacher", (8, 5)))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=2e-4)
losses = []
for step in range(STEPS):
    order = [(i + 2 * step) % 8 for i in range(8)]  # pairs of a class stay together: the labels need no new order
    d = distances(net(pictures[order]))
    loss = triplet_all(d, 0.2) + 0.3 * (d - distances(teacher[order])).norm()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(losses)
out = {"losses": torch.tensor(losses)}
for name in ("bn1.running_mean", "layer4.1.bn2.running_var", "feat.weight", "layer2.0.downsample.0.weight"):
    out["after." + name] = net.state_dict()[name].clone()
save_file(out, HERE / "training.safetensors", {"computed": "float64, torch " + torch.__version__.split("+")[0]})
