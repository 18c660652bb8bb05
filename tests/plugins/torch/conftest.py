"""Small nets of every kind, and rows for them."""

from dataclasses import replace

import pytest
import torch

from automl_plugins.torch.tabular.nets.net import NetInit, NetSpec, TabularNet

MLP = NetSpec(
    n_numeric=4,
    cardinalities=(3, 40),
    n_outputs=5,
    body="mlp",
    n_layers=2,
    width=16,
    activation="silu",
    is_parametric=False,
    has_front_scale=True,
    starts_from_data=False,
    k=1,
    is_mini=False,
    embedding="periodic",
    embedding_width=4,
    n_frequencies=8,
    max_onehot=9,
    category_width=8,
)
TABM = replace(MLP, body="tabm", has_front_scale=False, k=3, embedding="piecewise")
KINDS = {
    "mlp": MLP,
    "realmlp": replace(MLP, is_parametric=True, starts_from_data=True),
    "resnet": replace(MLP, body="resnet", has_front_scale=False),
    "tabm": TABM,
    "tabm-mini": replace(TABM, is_mini=True),
}


@pytest.fixture
def kinds():
    """Specs by name."""
    return KINDS


@pytest.fixture(params=list(KINDS))
def spec(request):
    """Each kind of net in turn."""
    return KINDS[request.param]


@pytest.fixture
def inputs():
    """Numbers ``(1, 50, 4)`` and codes ``(1, 50, 2)``."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.stack([torch.arange(50) % 3, torch.arange(50) % 40], dim=1)
    return torch.randn(1, 50, 4, generator=generator), codes[None]


@pytest.fixture
def make_net(inputs):
    """Makes a net from a spec and a seed, with all its outputs different from 0."""

    def make(spec, seed=0, rows=None, **start):
        numeric, codes = rows or inputs
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = TabularNet(spec, NetInit(numeric[0], codes[0], seed=seed, **start))
            for output in net.body.output.parameters():
                torch.nn.init.normal_(output)
        return net

    return make
