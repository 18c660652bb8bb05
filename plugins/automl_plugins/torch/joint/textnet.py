"""Nets of texts, trained from scratch, that read the other columns beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from automl.plugin import (
    ColumnKind,
    ModelFamily,
    Params,
    Resources,
    Shape,
    Suggest,
    hookimpl,
)
from automl_plugins.torch.joint.family import JoiningFamily
from automl_plugins.torch.media.family import (
    core_or_quarter,
    default_epochs,
    suggest_training,
)
from automl_plugins.torch.text.search_space import (
    default_text,
    suggest_text,
    text_gib,
    text_products,
)

__all__ = ["TextNet", "automl_model_families"]

_WIDTHS = (16, 32, 64, 128)


class TextNet(JoiningFamily):
    """Vectors of words made of their pieces; a bag, convolutions or a GRU over them."""

    name: ClassVar[str] = "textnet"
    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = (frozenset({ColumnKind.TEXT}),)
    priority: ClassVar[int] = 40

    def accepts(self, shape: Shape) -> str | None:
        """Refuses tables without texts."""
        if not shape.n_text:
            return "it learns from texts, and no column is of that kind"
        return super().accepts(shape)

    def products(self, shape: Shape) -> float:
        """Of a bag of the smallest vectors."""
        return text_products(shape)

    def resources(self, shape: Shape) -> Resources:
        """One core, or a quarter of a GPU."""
        return core_or_quarter(shape, text_gib(shape), host_gib=2.0)

    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
        """Encoder, head, and training."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            **suggest_text(suggest),
            "table_width": one_of("table_width", _WIDTHS),
            "head": one_of("head", [0, 64, 128]),
            "dropout": real("dropout", 0.0, 0.6),
            **suggest_training(suggest, (6, 64)),
        }

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """A bag, convolutions, a GRU, and a bag of larger vectors with a hidden layer."""
        default = _default(shape)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"encoder": "cnn", "filters": 64, "dropout": 0.4},
            {"encoder": "rnn", "states": 48, "dropout": 0.4},
            {"embedding": 96, "head": 64, "word_dropout": 0.3, "dropout": 0.5},
        )
        return [{**default, **change} for change in changes]


def _default(shape: Shape) -> dict[str, Any]:
    return {
        **default_text(),
        "table_width": 64,
        "head": 0,
        "dropout": 0.2,
        "epochs": default_epochs(shape.n_rows, 32_000, most=16),
        "batch_size": 128 if shape.n_rows > 5_000 else 32,
        "lr": 5e-3,
        "weight_decay": 0.05,
        "label_smoothing": 0.1 if shape.metric.needs == "labels" else 0.0,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Brings ``textnet``."""
    return [TextNet()]
