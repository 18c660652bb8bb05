"""Nets for texts and other columns, trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from automl.plugin import (
    ColumnKind,
    ModelFamily,
    Params,
    ProblemInfo,
    Resources,
    Suggest,
    hookimpl,
)
from automl_plugins.torch.joint.family import MultiInputFamily
from automl_plugins.torch.media.family import (
    default_epochs,
    default_resources,
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


class TextNet(MultiInputFamily):
    """Word vectors from pieces of words; a bag, convolutions or a GRU over them."""

    name: ClassVar[str] = "textnet"
    needs: ClassVar[tuple[frozenset[ColumnKind], ...]] = (frozenset({ColumnKind.TEXT}),)
    priority: ClassVar[int] = 40

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips tables without texts."""
        if not problem.n_text:
            return "it needs a text column"
        return super().unsupported_reason(problem)

    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of a bag of the smallest vectors."""
        return text_products(problem)

    def resources(self, problem: ProblemInfo) -> Resources:
        """One core, or a quarter of a GPU."""
        return default_resources(problem, text_gib(problem), host_gib=2.0)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Encoder, head, and training."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            **suggest_text(suggest),
            "table_width": one_of("table_width", _WIDTHS),
            "head": one_of("head", [0, 64, 128]),
            "dropout": real("dropout", 0.0, 0.6),
            **suggest_training(suggest, (6, 64)),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A bag, convolutions, a GRU, and a bag of larger vectors with a hidden layer."""
        default = _default(problem)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"encoder": "cnn", "filters": 64, "dropout": 0.4},
            {"encoder": "rnn", "states": 48, "dropout": 0.4},
            {"embedding": 96, "head": 64, "word_dropout": 0.3, "dropout": 0.5},
        )
        return [{**default, **change} for change in changes]


def _default(problem: ProblemInfo) -> dict[str, Any]:
    return {
        **default_text(),
        "table_width": 64,
        "head": 0,
        "dropout": 0.2,
        "epochs": default_epochs(problem.n_rows, 32_000, most=16),
        "batch_size": 128 if problem.n_rows > 5_000 else 32,
        "lr": 5e-3,
        "weight_decay": 0.05,
        "label_smoothing": 0.1 if problem.metric.needs == "labels" else 0.0,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``textnet``."""
    return [TextNet()]
