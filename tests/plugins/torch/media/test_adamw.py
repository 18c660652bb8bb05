"""AdamW, beside the class that torch has for it."""

import subprocess
import sys

import torch
from torch import nn

from automl_plugins.torch.media.adamw import Group, Optimiser


def losses(net, move):
    """Losses over some steps of a regression."""
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    found = []
    for step in range(8):
        loss = (net(x)[:, 0] - x[:, 0] * x[:, 1]).square().mean()
        loss.backward()
        found.append(float(loss.detach()))
        move(1.0 - step / 10)
    return found


def make_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    net.idle = nn.Parameter(torch.ones(2))
    return net


def test_it_moves_as_the_class_of_torch_does():
    theirs = make_net()
    groups = [
        {"params": [p for p in theirs.parameters() if (p.ndim > 1) is many], "weight_decay": decay}
        for many, decay in ((True, 0.1), (False, 0.0))
    ]
    reference = torch.optim.AdamW(groups, lr=0.05)

    def move(rate):
        for group in reference.param_groups:
            group["lr"] = 0.05 * rate
        reference.step()
        reference.zero_grad()

    ours = make_net()
    own = Optimiser(
        [
            Group([p for p in ours.parameters() if (p.ndim > 1) is many], 0.05, decay)
            for many, decay in ((True, 0.1), (False, 0.0))
        ]
    )

    def own_move(rate):
        own.step(rate)
        own.forget_gradients()

    torch.testing.assert_close(losses(ours, own_move), losses(theirs, move))
    assert ours.idle.tolist() == [1.0, 1.0]  # it never had a gradient


def test_no_compiler_is_imported():
    code = (
        "import sys, torch\n"
        "from automl_plugins.torch.media.adamw import Group, Optimiser\n"
        "weight = torch.nn.Parameter(torch.ones(1))\n"
        "weight.grad = torch.ones(1)\n"
        "Optimiser([Group([weight], 0.1, 0.0)]).step(1.0)\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
