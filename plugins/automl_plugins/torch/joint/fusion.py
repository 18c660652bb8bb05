"""One net for tables that hold images or sequences beside columns of other kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from automl.plugin import (
    TABULAR_KINDS,
    ColumnKind,
    ModelFamily,
    Params,
    Resources,
    Shape,
    Suggest,
    hookimpl,
)
from automl_plugins.torch.images.cnn import Cnn
from automl_plugins.torch.joint.family import JoiningFamily
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


class Fusion(JoiningFamily):
    """Features of all that a row holds, side by side, learnt together."""

    name: ClassVar[str] = "fusion"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset(ColumnKind)
    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = (
        frozenset(ColumnKind) - TABULAR_KINDS,
        TABULAR_KINDS,
    )
    priority: ClassVar[int] = 45

    def accepts(self, shape: Shape) -> str | None:
        """Refuses tables without images and sequences, and those that hold nothing else."""
        n_media = bool(shape.images) + bool(shape.sequences)
        n_others = bool(shape.n_text) + bool(shape.n_numeric or shape.n_categorical)
        if not n_media or n_media + n_others < 2:
            return "it joins images or sequences with columns of other kinds, and not both are here"
        return super().accepts(shape)

    def products(self, shape: Shape) -> float:
        """Of the smallest nets for each kind."""
        return Cnn().products(shape) + Rnn().products(shape) + text_products(shape)

    def resources(self, shape: Shape) -> Resources:
        """What nets for each kind take together, on one core or a quarter of a GPU."""
        alone = [Cnn().resources(shape), Rnn().resources(shape)]
        return Resources(
            ram_gib=sum(one.ram_gib for one in alone) + text_gib(shape),
            n_gpus=max(one.n_gpus for one in alone),
            vram_gib=sum(one.vram_gib for one in alone) + bool(shape.n_gpus) * text_gib(shape),
        )

    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """How each kind that is there is read, the head, and training."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            "table_width": one_of("table_width", _WIDTHS),
            **({"image_width": one_of("image_width", _IMAGE_WIDTHS)} if shape.images else {}),
            **({"series_width": one_of("series_width", _WIDTHS)} if shape.sequences else {}),
            **(suggest_text(suggest) if shape.n_text else {}),
            "head": one_of("head", [0, 64, 128]),
            "dropout": real("dropout", 0.0, 0.6),
            **suggest_training(suggest, (6, 96)),
        }

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """Small readers under a hidden layer, the same without it, and with more dropout."""
        default = _default(shape)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"head": 0},
            {"dropout": 0.4, "lr": 0.4 * default["lr"], "head": 128},
        )
        return [{**default, **change} for change in changes]


def _default(shape: Shape) -> dict[str, Any]:
    return {
        "table_width": 64,
        **({"image_width": 16} if shape.images else {}),
        **({"series_width": 64} if shape.sequences else {}),
        **(default_text() if shape.n_text else {}),
        "head": 64,
        "dropout": 0.2,
        "epochs": default_epochs(shape.n_rows, 32_000, most=32),
        "batch_size": 128 if shape.n_rows > 5_000 else 32,
        "lr": 5e-3,
        "weight_decay": 0.05,
        "label_smoothing": 0.1 if shape.metric.needs == "labels" else 0.0,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Brings ``fusion``."""
    return [Fusion()]
