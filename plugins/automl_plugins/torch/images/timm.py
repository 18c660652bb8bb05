"""Larger nets for images from the package timm, from scratch or with weights of a local file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ColumnKind,
    FittedModel,
    Fold,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    Report,
    Resources,
    Suggest,
    TrialContext,
    hookimpl,
)
from automl_plugins.torch.images.search_space import default_changes, suggest_image_training
from automl_plugins.torch.media.family import MediaFamily, default_epochs

__all__ = ["Timm", "automl_model_families"]

_RESNETS = {
    10: "resnet10t",
    14: "resnet14t",
    18: "resnet18",
    26: "resnet26",
    34: "resnet34",
    50: "resnet50",
}
_CONVNEXTS = ("atto", "femto", "pico", "nano")
_EFFICIENTNETS = ("b0", "b1", "b2")
_SIDES = (32, 64, 96, 128, 160, 224)
_BATCH_SIZES = (16, 32, 64, 128)
_LONG_S = 3600.0  # without a GPU, smaller nets are better in less time
_PRODUCTS = 5e7  # of convnext_atto, the smallest, at 64 x 64 pixels: 0.55e9 at 224 x 224


class Timm(MediaFamily):
    """ResNets, ConvNeXts, EfficientNets, or one net set by the user.

    ``model.timm.architecture`` names a net of timm, and ``model.timm.weights`` a file with its
    weights (``.safetensors``, or ``.pth`` with tensors only). Nothing is ever downloaded.
    """

    name: ClassVar[str] = "timm"
    extra: ClassVar[str] = "timm"
    preload: ClassVar[tuple[str, ...]] = ("torch", "safetensors.torch", "timm")
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset({ColumnKind.IMAGE})
    priority: ClassVar[int] = 40
    settings: ClassVar[Mapping[str, Any]] = {
        **MediaFamily.settings,
        "architecture": "",
        "weights": "",
        "max_side": _SIDES[-1],
    }
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        **MediaFamily.setting_ranges,
        "architecture": Param("str"),
        "weights": Param("file"),
        "max_side": Param("int", low=_SIDES[0], high=_SIDES[-1]),
    }

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips a CPU with less than an hour, and wrong settings."""
        given = problem.settings
        if given["weights"] and not given["architecture"]:
            return "model.timm.weights needs model.timm.architecture, the net of these weights"
        if given["weights"] and not Path(given["weights"]).is_file():
            return f"there is no file {given['weights']}, which model.timm.weights names"
        if problem.n_gpus or given["architecture"]:
            return None
        if problem.time_s is None or problem.time_s < _LONG_S:
            return "nets of this size need a GPU, or a time budget of at least an hour"
        return super().unsupported_reason(problem)

    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of the smallest net at the fewest pixels."""
        return _PRODUCTS * len(problem.images)

    def resources(self, problem: ProblemInfo) -> Resources:
        """One core, or half of a GPU; measured after the first fits."""
        if problem.n_gpus:
            return Resources(ram_gib=2.5, n_gpus=0.5, vram_gib=6.0)
        return Resources(ram_gib=3.0)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The net and its size, training, and augmentation."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            **self._net_space(suggest, problem),
            "side": one_of("side", self._sides(problem)),
            "drop_path": real("drop_path", 0.0, 0.3),
            **suggest_image_training(suggest, _BATCH_SIZES, (3e-5, 3e-3)),
        }

    def _net_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Kind and size of the net; empty if the settings name one."""
        if problem.settings["architecture"]:
            return {}
        net = suggest.suggest_categorical("net", ["resnet", "convnext", "efficientnet"])
        if net == "resnet":
            return {"net": net, "depth": suggest.suggest_categorical("depth", list(_RESNETS))}
        if net == "convnext":
            return {"net": net, "size": suggest.suggest_categorical("size", _CONVNEXTS)}
        return {"net": net, "scale": suggest.suggest_categorical("scale", _EFFICIENTNETS)}

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A net of each kind; lower and higher rates for a net set by the user."""
        given, default = problem.settings, _default(problem, self._sides(problem))
        if given["architecture"]:
            # Pretrained weights need lower rates.
            rates = (2e-4, 5e-4, 1e-4) if given["weights"] else (1e-3, 2e-3, 5e-4)
            return [{**default, "lr": lr} for lr in rates]
        nets: Sequence[Mapping[str, Any]] = (
            {"net": "resnet", "depth": 18},
            {"net": "convnext", "size": "pico"},
            {"net": "efficientnet", "scale": "b0"},
        )
        return [{**default, **net} for net in nets]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch.images.timm_net import fit_timm

        given = context.settings
        spec = {
            "architecture": given["architecture"] or _architecture(params),
            "side": params["side"],
            "drop_path": params["drop_path"],
        }
        weights = Path(given["weights"]) if given["weights"] else None
        most = self.max_epochs(context.problem)
        return fit_timm(spec, weights, params, fold, context, report, most)

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``, onto the CPU."""
        from automl_plugins.torch.images.timm_net import build
        from automl_plugins.torch.media.fitted_net import load

        return load(path, build)

    def _sides(self, problem: ProblemInfo) -> Sequence[int]:
        """Sides of the input images in pixels."""
        most = problem.settings["max_side"]
        return [side for side in _SIDES if side <= most] or [_SIDES[0]]


def _architecture(params: Params) -> str:
    """Name in timm of the net in the params."""
    if params["net"] == "resnet":
        return _RESNETS[params["depth"]]
    if params["net"] == "convnext":
        return f"convnext_{params['size']}"
    return f"efficientnet_{params['scale']}"


def _default(problem: ProblemInfo, sides: Sequence[int]) -> dict[str, Any]:
    # These nets halve an image five times, so small images are enlarged if that is cheap.
    side = max([96 if problem.n_gpus else 32, *(max(h, w) for h, w, _ in problem.images)])
    return {
        **default_changes(problem),
        "side": next((s for s in sides if s >= side), sides[-1]),
        "drop_path": 0.0,
        "epochs": default_epochs(problem.n_rows, 64_000, most=48),
        "batch_size": 64 if problem.n_rows > 2_000 else 32,
        "lr": 1e-3,
        "views": False,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``timm``."""
    return [Timm()]
