"""Convolutional nets for images, trained from scratch: small residual nets and a fast recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ColumnKind,
    FittedModel,
    Fold,
    ModelFamily,
    Params,
    Report,
    Resources,
    Shape,
    Suggest,
    TrialContext,
    hookimpl,
)
from automl_plugins.torch.images.search_space import default_changes, suggest_training
from automl_plugins.torch.media.family import MediaFamily, default_epochs

__all__ = ["Cnn", "automl_model_families"]

_WIDTHS = (8, 16, 24, 32, 48, 64)
_BATCH_SIZES = (32, 64, 128, 256, 512)


class Cnn(MediaFamily):
    """A few stages of convolutions, on images that are changed a little in every epoch."""

    name: ClassVar[str] = "cnn"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset({ColumnKind.IMAGE})
    priority: ClassVar[int] = 80

    def products(self, shape: Shape) -> float:
        """Of the narrowest net: its stem, and stages that each have a quarter of the pixels."""
        width = _WIDTHS[0]
        return float(sum(h * w * (9 * c * width + 7 * width**2) for h, w, c in shape.images))

    def resources(self, shape: Shape) -> Resources:
        """One core, or a quarter of a GPU; images are read from a map that all share."""
        pixels = sum(height * width for height, width, _ in shape.images)
        batch_gib = 256 * 32 * 4.0 * 8 * pixels / 2**30  # maps of a batch, in both directions
        if shape.n_gpus:
            images_gib = shape.n_rows * sum(h * w * c for h, w, c in shape.images) / 2**30
            vram_gib = 1.0 + min(1.0, images_gib) + 2 * batch_gib
            return Resources(ram_gib=1.5, n_gpus=0.25, vram_gib=vram_gib)
        return Resources(ram_gib=0.5 + batch_gib)

    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """Blocks, width and training; what may be done to an image without changing its meaning."""
        one_of = suggest.suggest_categorical
        return {
            "block": one_of("block", ["residual", "plain"]),
            "whitened": one_of("whitened", [False, True]),
            "width": one_of("width", _WIDTHS),
            **suggest_training(suggest, _BATCH_SIZES, (5e-4, 3e-2)),
        }

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """A residual net, the same with mirrored images, a fast plain net, and a wider one.

        Grey images begin without being mirrored, photographs with it.
        """
        default = _default(shape)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"flip": not default["flip"]},
            {"block": "plain", "whitened": True, "lr": 0.01, "rotate": 0.0, "zoom": 0.0},
            {"width": 2 * default["width"], "dropout": 0.2, "cutout": 0.25},
            {"rotate": 15.0, "zoom": 0.15, "contrast": 0.2, "cutout": 0.3},
        )
        return [{**default, **change} for change in changes]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch.images.fit import fit_cnn

        return fit_cnn(params, fold, context, report, self.max_epochs(context.shape))

    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote, onto the CPU."""
        from automl_plugins.torch.images.nets import build
        from automl_plugins.torch.media.fitted_net import load

        return load(path, build)


def _default(shape: Shape) -> dict[str, Any]:
    return {
        **default_changes(shape),
        "block": "residual",
        "whitened": False,
        "width": 32 if shape.n_gpus else 16,
        "epochs": default_epochs(shape.n_rows, 32_000, most=32),
        "batch_size": 256 if shape.n_rows > 20_000 else 64,
        "lr": 5e-3,
        "views": True,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Brings ``cnn``."""
    return [Cnn()]
