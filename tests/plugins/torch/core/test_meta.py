"""Building nets without memory."""

import subprocess
import sys
import textwrap

import torch
from torch import nn

from automl_plugins.torch.core.meta import shapes_only
from automl_plugins.torch.tabular.nets.net import TabularNet

COMPILER = ("torch._dynamo", "torch._inductor", "sympy")


def test_tensors_have_shapes_and_no_data():
    with shapes_only():
        layer = nn.Linear(3, 5)
        drawn = torch.empty(2, 7).normal_()
    assert layer.weight.shape == (5, 3)
    assert (drawn.shape, drawn.device.type) == ((2, 7), "meta")
    assert torch.empty(1).device.type == "cpu"


def test_a_net_without_data_has_the_tensors_of_one_with_data(spec, make_net):
    with shapes_only():
        found = TabularNet(spec).state_dict()
    expected = make_net(spec).state_dict()
    assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in expected.items()}
    assert {t.device.type for t in found.values()} == {"meta"}


def compiler_after(code):
    """The parts of torch's compiler that a new process has imported after some code."""
    code = (
        f"import sys\n{textwrap.dedent(code)}\nprint([m for m in {COMPILER} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_the_check_of_the_compiler_sees_it():
    assert compiler_after("import torch._dynamo") != "[]"


def test_no_net_of_tables_imports_the_compiler_when_it_is_loaded(kinds):
    specs = list(kinds.values())
    code = f"""
    from automl_plugins.torch.core.meta import shapes_only
    from automl_plugins.torch.tabular.nets.net import NetSpec, TabularNet
    for spec in {specs}:
        with shapes_only():
            TabularNet(spec)
    """
    assert compiler_after(code) == "[]"


def test_no_net_of_images_series_or_texts_imports_the_compiler_when_it_is_loaded():
    code = """
    from automl_plugins.torch.core.meta import shapes_only
    from automl_plugins.torch.images.nets import CnnSpec, ImageNet
    from automl_plugins.torch.joint.branches import ImageSpec, StatesSpec, TableSpec
    from automl_plugins.torch.joint.net import FusionNet, FusionSpec
    from automl_plugins.torch.sequences.inception_net import InceptionNet, InceptionSpec
    from automl_plugins.torch.sequences.inputs import SeriesSpec
    from automl_plugins.torch.sequences.rnn_net import RecurrentNet, RnnSpec
    from automl_plugins.torch.text.branch import TextSpec

    series, image = SeriesSpec(2, True, 1), (12, 12, 1)
    texts = tuple(TextSpec(30, encoder, 4, 4, 0.1) for encoder in ("bag", "cnn", "rnn"))
    states = (StatesSpec(series, 4, 0.1),)
    fusion = FusionSpec(TableSpec(2, 4, 0.1), texts, (ImageSpec(image, 4),), states, 2, 4, 0.1)
    with shapes_only():
        for block in ("residual", "plain"):
            for whitened in (True, False):
                ImageNet(CnnSpec((image,), 2, 0.1, True, True, block, whitened, 8))
        for cell in ("gru", "lstm"):
            RecurrentNet(RnnSpec((series,), 2, cell, 4, 2, True, 0.1, 0.1))
        InceptionNet(InceptionSpec((series,), 2, 6, 4, 8, 0.1, 0.1))
        FusionNet(fusion)
    """
    assert compiler_after(code) == "[]"
