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
    ProblemInfo,
    Report,
    Resources,
    Suggest,
    TrialContext,
    hookimpl,
)
from automl_plugins.torch.images.search_space import default_changes, suggest_image_training
from automl_plugins.torch.media.family import MediaFamily, default_epochs

__all__ = ["Cnn", "automl_model_families"]

_WIDTHS = (8, 16, 24, 32, 48, 64)
_BATCH_SIZES = (32, 64, 128, 256, 512)


class Cnn(MediaFamily):
    """A few stages of convolutions on augmented images."""

    name: ClassVar[str] = "cnn"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset({ColumnKind.IMAGE})
    priority: ClassVar[int] = 80

    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of the narrowest net: a stem, and stages with a quarter of the pixels."""
        width = _WIDTHS[0]
        return float(sum(h * w * (9 * c * width + 7 * width**2) for h, w, c in problem.images))

    def resources(self, problem: ProblemInfo) -> Resources:
        """One core, or a quarter of a GPU; images are in a shared memory map."""
        pixels = sum(height * width for height, width, _ in problem.images)
        batch_gib = 256 * 32 * 4.0 * 8 * pixels / 2**30  # maps of a batch, forward and backward
        if problem.n_gpus:
            images_gib = problem.n_rows * sum(h * w * c for h, w, c in problem.images) / 2**30
            vram_gib = 1.0 + min(1.0, images_gib) + 2 * batch_gib
            return Resources(ram_gib=1.5, n_gpus=0.25, vram_gib=vram_gib)
        return Resources(ram_gib=0.5 + batch_gib)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Blocks, width, training, and augmentation."""
        one_of = suggest.suggest_categorical
        return {
            "block": one_of("block", ["residual", "plain"]),
            "whitened": one_of("whitened", [False, True]),
            "width": one_of("width", _WIDTHS),
            **suggest_image_training(suggest, _BATCH_SIZES, (5e-4, 3e-2)),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A residual net, the same with mirrored images, a fast plain net, and a wider one.

        Grey images are first tried without mirror images, photographs with them.
        """
        default = _default(problem)
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

        return fit_cnn(params, fold, context, report, self.max_epochs(context.problem))

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``, onto the CPU."""
        from automl_plugins.torch.images.nets import build
        from automl_plugins.torch.media.fitted_net import load

        return load(path, build)


def _default(problem: ProblemInfo) -> dict[str, Any]:
    return {
        **default_changes(problem),
        "block": "residual",
        "whitened": False,
        "width": 32 if problem.n_gpus else 16,
        "epochs": default_epochs(problem.n_rows, 32_000, most=32),
        "batch_size": 256 if problem.n_rows > 20_000 else 64,
        "lr": 5e-3,
        "views": True,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``cnn``."""
    return [Cnn()]
