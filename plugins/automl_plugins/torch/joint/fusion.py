"""One net for tables with images or sequences and columns of other kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from automl.plugin import (
    TABULAR_KINDS,
    ColumnKind,
    ModelFamily,
    Params,
    ProblemInfo,
    Resources,
    Suggest,
    hookimpl,
)
from automl_plugins.torch.images.cnn import Cnn
from automl_plugins.torch.joint.family import MultiInputFamily
from automl_plugins.torch.media.family import default_epochs, suggest_training
from automl_plugins.torch.sequences.rnn import Rnn
from automl_plugins.torch.text.search_space import (
    default_text,
    suggest_text,
    text_gib,
    text_products,
)

__all__ = ["Fusion", "automl_model_families"]

_WIDTHS = (16, 32, 64, 128)
_IMAGE_WIDTHS = (8, 16, 24, 32)


class Fusion(MultiInputFamily):
    """Features of all columns, concatenated and trained together."""

    name: ClassVar[str] = "fusion"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset(ColumnKind)
    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = (
        frozenset(ColumnKind) - TABULAR_KINDS,
        TABULAR_KINDS,
    )
    priority: ClassVar[int] = 45

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips tables without images and sequences, and those without other columns."""
        n_media = bool(problem.images) + bool(problem.sequences)
        n_others = bool(problem.n_text) + bool(problem.n_numeric or problem.n_categorical)
        if not n_media or n_media + n_others < 2:
            return "it needs an image or sequence column, and a column of another kind"
        return super().unsupported_reason(problem)

    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of the smallest nets for each kind."""
        return Cnn().macs_per_row(problem) + Rnn().macs_per_row(problem) + text_products(problem)

    def resources(self, problem: ProblemInfo) -> Resources:
        """Sum of the nets for each kind, on one core or a quarter of a GPU."""
        alone = [Cnn().resources(problem), Rnn().resources(problem)]
        return Resources(
            ram_gib=sum(one.ram_gib for one in alone) + text_gib(problem),
            n_gpus=max(one.n_gpus for one in alone),
            vram_gib=sum(one.vram_gib for one in alone) + bool(problem.n_gpus) * text_gib(problem),
        )

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Branches of the present kinds, the head, and training."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            "table_width": one_of("table_width", _WIDTHS),
            **({"image_width": one_of("image_width", _IMAGE_WIDTHS)} if problem.images else {}),
            **({"series_width": one_of("series_width", _WIDTHS)} if problem.sequences else {}),
            **(suggest_text(suggest) if problem.n_text else {}),
            "head": one_of("head", [0, 64, 128]),
            "dropout": real("dropout", 0.0, 0.6),
            **suggest_training(suggest, (6, 96)),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """Small branches with a hidden layer, without it, and with more dropout."""
        default = _default(problem)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"head": 0},
            {"dropout": 0.4, "lr": 0.4 * default["lr"], "head": 128},
        )
        return [{**default, **change} for change in changes]


def _default(problem: ProblemInfo) -> dict[str, Any]:
    return {
        "table_width": 64,
        **({"image_width": 16} if problem.images else {}),
        **({"series_width": 64} if problem.sequences else {}),
        **(default_text() if problem.n_text else {}),
        "head": 64,
        "dropout": 0.2,
        "epochs": default_epochs(problem.n_rows, 32_000, most=32),
        "batch_size": 128 if problem.n_rows > 5_000 else 32,
        "lr": 5e-3,
        "weight_decay": 0.05,
        "label_smoothing": 0.1 if problem.metric.needs == "labels" else 0.0,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``fusion``."""
    return [Fusion()]
