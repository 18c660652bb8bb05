"""The family timm: the public suite with a tiny net, weights from files, and when it is tried."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("timm")

import timm
import torch
from safetensors.torch import save_file

from automl.plugin import Images, ProblemInfo, Rows, Task, TrialContext
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.torch.images.timm import Timm
from automl_plugins.torch.images.timm_net import TimmNet, TimmSpec, read_weights

TIMM = Timm()
TINY = "test_resnet"
FAST = {"architecture": TINY, "max_epochs": 8, "max_side": 32}


class TestTimm(FamilyTestCase):
    family = TIMM
    settings = FAST
    tasks = frozenset({Task.BINARY})


class EachValue:
    """Suggests one value of a choice at a time, and the first of all others."""

    def __init__(self, **chosen):
        self.chosen = chosen

    def suggest_categorical(self, name, choices):
        value = self.chosen.get(name, choices[0])
        assert value in choices
        return value

    def suggest_float(self, name, low, high, log=False):
        return low

    def suggest_int(self, name, low, high, log=False):
        return low


def shape(**changes):
    made = ProblemInfo(Task.MULTICLASS, LOG_LOSS, 600, 0, n_classes=10, images=((32, 32, 3),))
    settings = {**TIMM.settings, **changes.pop("settings", {})}
    return replace(made, settings=settings, **changes)


def spec(channels=3, **changes):
    values = {
        "images": ((12, 12, channels),),
        "n_outputs": 2,
        "dropout": 0.0,
        "flip": False,
        "views": False,
        "architecture": TINY,
        "side": 32,
        "drop_path": 0.0,
    }
    return TimmSpec(**{**values, **changes})


@pytest.fixture(scope="module")
def weights():
    """What the tiny net for colours has learnt, with its last layer."""
    torch.manual_seed(0)
    return timm.create_model(TINY, pretrained=False).state_dict()


def test_a_net_has_one_param_that_says_its_size(monkeypatch):
    def built(params):
        monkeypatch.setattr(
            "automl_plugins.torch.images.timm_net.fit_timm", lambda spec, *_: spec["architecture"]
        )
        return TIMM.fit(params, None, TrialContext(shape(), seed=0), None)

    for net, name, value, architecture in (
        ("resnet", "depth", 34, "resnet34"),
        ("convnext", "size", "nano", "convnext_nano"),
        ("efficientnet", "scale", "b1", "efficientnet_b1"),
    ):
        params = TIMM.search_space(EachValue(net=net, **{name: value}), shape())
        assert {"depth", "size", "scale"} & params.keys() == {name}
        assert built(params) == architecture
        assert timm.is_model(architecture)
    named = shape(settings={"architecture": TINY})
    assert not {"net", "depth", "size", "scale"} & TIMM.search_space(EachValue(), named).keys()


def test_images_enter_a_net_at_their_size_or_somewhat_larger_up_to_a_limit():
    def side(height, **changes):
        return TIMM.portfolio(shape(images=((height, 32, 3),), **changes))[0]["side"]

    assert [side(h) for h in (12, 33, 96, 500)] == [32, 64, 96, 224]
    assert [side(h, n_gpus=1) for h in (12, 128)] == [96, 128]
    assert [side(h, settings={"max_side": 100}) for h in (12, 500)] == [32, 96]


def test_it_is_tried_on_a_gpu_in_a_long_search_or_where_a_net_is_named(tmp_path):
    assert "need a GPU" in TIMM.unsupported_reason(shape())
    assert "need a GPU" in TIMM.unsupported_reason(shape(time_s=600.0))
    assert TIMM.unsupported_reason(shape(time_s=7200.0)) is None
    assert "too long for" in TIMM.unsupported_reason(shape(time_s=7200.0, n_rows=1_000_000))
    assert TIMM.unsupported_reason(shape(n_gpus=1)) is None
    assert TIMM.unsupported_reason(shape(settings={"architecture": TINY})) is None


def test_weights_need_the_name_of_their_net_and_a_file(tmp_path):
    path = tmp_path / "net.safetensors"
    only = {"weights": str(path)}
    assert "needs model.timm.architecture" in TIMM.unsupported_reason(
        shape(settings=only, n_gpus=1)
    )
    both = shape(settings={**only, "architecture": TINY})
    assert f"there is no file {path}" in TIMM.unsupported_reason(both)
    path.touch()
    assert TIMM.unsupported_reason(both) is None


def test_a_net_starts_from_the_weights_of_a_file(weights, tmp_path):
    save_file(weights, tmp_path / "net.safetensors")
    torch.save({"state_dict": weights}, tmp_path / "net.pth")
    for name in ("net.safetensors", "net.pth"):
        net = TimmNet(spec())
        net.start_from(read_weights(tmp_path / name))
        own = net.towers[0].net.state_dict()
        assert all(torch.equal(own[key], weights[key]) for key in own)


def test_weights_for_colours_answer_to_grey_in_the_same_way(weights):
    grey, colour = TimmNet(spec(channels=1)).eval(), TimmNet(spec()).eval()
    for net in (grey, colour):
        net.start_from(weights)
    x = torch.randn(4, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(grey.towers[0](x), colour.towers[0](x.expand(-1, 3, -1, -1)))


def test_weights_of_another_net_are_refused(weights):
    with pytest.raises(ValueError, match="not those of test_convnext"):
        TimmNet(spec(architecture="test_convnext")).start_from(weights)
    wrong = {name: tensor[:1] for name, tensor in weights.items() if tensor.ndim}
    with pytest.raises(ValueError, match="not those of test_resnet"):
        TimmNet(spec()).start_from({**weights, **wrong})


def test_a_file_that_would_run_code_or_holds_no_tensors_is_refused(tmp_path):
    torch.save({"net": TIMM}, tmp_path / "code.pth")
    with pytest.raises(Exception, match="Weights only load failed"):
        read_weights(tmp_path / "code.pth")
    torch.save({"epoch": 3}, tmp_path / "number.pth")
    with pytest.raises(ValueError, match="does not contain tensors by name"):
        read_weights(tmp_path / "number.pth")


@pytest.mark.parametrize("name", ["no_such_net", "hf-hub:timm/test_resnet.r160_in1k"])
def test_a_net_that_timm_does_not_have_is_refused_and_nothing_is_downloaded(name):
    with pytest.raises(ValueError, match=f"has no net '{name}'"):
        TimmNet(spec(architecture=name))


def test_many_images_are_predicted_in_parts_as_one_by_one():
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(70, 12, 12, 3)).astype(np.uint8)
    rows = Rows(np.zeros((70, 1), dtype=np.float32), (Images(pixels, np.arange(70)),))
    net = TimmNet(spec()).eval()
    with torch.inference_mode():
        together = net(*net.inputs_of(rows))
        alone = torch.cat([net(*net.inputs_of(rows[[i]])) for i in (0, 69)])
    torch.testing.assert_close(together[[0, 69]], alone, atol=1e-5, rtol=1e-5)
