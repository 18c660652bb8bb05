"""InceptionTime for sequences: parallel convolutions of several lengths."""

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

__all__ = ["Inception", "automl_model_families"]

_WIDTHS = (8, 16, 24, 32, 48)
_KERNELS = (5, 9, 19, 39)


class Inception(MediaFamily):
    """Convolutions over time, averaged over the steps of a sequence."""

    name: ClassVar[str] = "inception"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset({ColumnKind.SEQUENCE})
    priority: ClassVar[int] = 65

    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of the narrowest net with the shortest filters: three blocks per step."""
        width = _WIDTHS[0]
        block = 12 * width * width + 8 * width * width
        return float(sum(n * (12 * c * width + 3 * block) for c, n in problem.sequences))

    def resources(self, problem: ProblemInfo) -> Resources:
        """One core, or a quarter of a GPU; the maps of a batch, forward and backward."""
        steps = sum(n for _, n in problem.sequences)
        batch_gib = 128 * steps * 4 * 32 * 4.0 * 18 / 2**30
        return default_resources(problem, batch_gib)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Depth, width and filter length, and training."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        return {
            "n_blocks": one_of("n_blocks", [3, 6]),
            "width": one_of("width", _WIDTHS),
            "kernel": one_of("kernel", _KERNELS),
            "dropout": real("dropout", 0.0, 0.6),
            "noise": real("noise", 0.0, 0.5),
            **suggest_training(suggest, (10, 128)),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """A net of three blocks, the paper's six, and nets with shorter filters or more noise."""
        default = _default(problem)
        shorter = _KERNELS[max(0, _KERNELS.index(default["kernel"]) - 1)]
        changes: Sequence[Mapping[str, Any]] = (
            {},
            {"n_blocks": 6, "width": 32},
            {"kernel": shorter, "noise": 0.2},
            {"width": 48, "dropout": 0.4},
        )
        return [{**default, **change} for change in changes]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch.sequences.fit import fit_inception

        return fit_inception(params, fold, context, report, self.max_epochs(context.problem))

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``, onto the CPU."""
        from automl_plugins.torch.media.fitted_net import load
        from automl_plugins.torch.sequences.inception_net import build

        return load(path, build)


def _default(problem: ProblemInfo) -> dict[str, Any]:
    many = problem.n_rows > 5_000
    longest = max((n for _, n in problem.sequences), default=1)
    fitting = [kernel for kernel in _KERNELS if kernel <= longest // 2]
    return {
        "n_blocks": 3,
        "width": 16,
        "kernel": max(fitting, default=_KERNELS[0]),
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
    """Returns the family ``inception``."""
    return [Inception()]
