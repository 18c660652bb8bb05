"""Recurrent nets for sequences: GRU and LSTM with attention over the steps."""

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
from automl_plugins.torch.media.family import (
    MediaFamily,
    default_epochs,
    default_resources,
    suggest_training,
)

__all__ = ["Rnn", "automl_model_families"]

_WIDTHS = (16, 32, 64, 96, 128)
_MOST_STEPS = 512  # longer sequences are thinned out


class Rnn(MediaFamily):
    """Sequences of unequal lengths, read in both directions by gated cells."""

    name: ClassVar[str] = "rnn"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset({ColumnKind.SEQUENCE})
    priority: ClassVar[int] = 70

    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of the narrowest net: three or four gates per step and direction."""
        width = _WIDTHS[0]
        return float(
            sum(8 * min(n, _MOST_STEPS) * width * (c + width) for c, n in problem.sequences)
        )

    def resources(self, problem: ProblemInfo) -> Resources:
        """One core, or a quarter of a GPU; the states of a batch for all steps."""
        steps = sum(min(n, _MOST_STEPS) for _, n in problem.sequences)
        batch_gib = 256 * steps * 128 * 2 * 4.0 * 10 / 2**30
        return default_resources(problem, batch_gib)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Kind and size of cells, and training."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            "cell": one_of("cell", ["gru", "lstm"]),
            "width": one_of("width", _WIDTHS),
            "n_layers": suggest.suggest_int("n_layers", 1, 3),
            "both_ways": one_of("both_ways", [False, True]),
            "dropout": real("dropout", 0.0, 0.6),
            "noise": real("noise", 0.0, 0.5),
            **suggest_training(suggest, (10, 128)),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A bidirectional GRU, then deeper, wider and simpler nets."""
        default = _default(problem)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"cell": "lstm"},
            {"n_layers": 2, "dropout": 0.4, "noise": 0.2},
            {"width": 128, "dropout": 0.4, "lr": 0.5 * default["lr"]},
            {"width": 32, "both_ways": False, "noise": 0.3},
        )
        return [{**default, **change} for change in changes]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch.sequences.fit import fit_rnn

        return fit_rnn(params, fold, context, report, self.max_epochs(context.problem))

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``, onto the CPU."""
        from automl_plugins.torch.media.fitted_net import load
        from automl_plugins.torch.sequences.rnn_net import build

        return load(path, build)


def _default(problem: ProblemInfo) -> dict[str, Any]:
    many = problem.n_rows > 5_000
    return {
        "cell": "gru",
        "width": 64,
        "n_layers": 1,
        "both_ways": True,
        "dropout": 0.2,
        "noise": 0.1,
        "epochs": default_epochs(problem.n_rows, 26_000, most=40),
        "batch_size": 128 if many else 32,
        "lr": 5e-3,
        "weight_decay": 0.02,
        "label_smoothing": 0.1 if problem.metric.needs == "labels" else 0.0,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``rnn``."""
    return [Rnn()]
