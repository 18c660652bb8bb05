"""Feed-forward net for tables, after RealMLP (Holzmüller et al. 2024, arXiv 2407.04491).

Instead of RealMLP's periodic embedding and robust scaling, the default uses piecewise linear
embeddings of quantile-normal numbers (arXiv 2203.05556), which need far fewer epochs on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from automl.plugin import ModelFamily, Params, ProblemInfo, Suggest, hookimpl
from automl_plugins.torch.core.batch_sizes import batch_size_of
from automl_plugins.torch.tabular.family import (
    NetFamily,
    make_portfolio,
    suggest_embedding,
)

__all__ = ["Mlp", "automl_model_families"]

_WIDTHS = (64, 128, 256, 384, 512)
_BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
_FEW_ROWS = 3_000  # with fewer rows the net overfits classes without more dropout


class Mlp(NetFamily):
    """Embedded numbers and categories, a learnt scale of each, then hidden layers."""

    name: ClassVar[str] = "mlp"
    priority: ClassVar[int] = 60
    constants: ClassVar[Mapping[str, Any]] = {
        "has_front_scale": True,
        "by_inputs": True,
        "second_moment": 0.95,
    }

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of RealMLP in TabArena (arXiv 2506.16791), with smaller nets for a CPU."""
        real, whole, one_of = (
            suggest.suggest_float,
            suggest.suggest_int,
            suggest.suggest_categorical,
        )
        return {
            "numeric": one_of("numeric", ["standard", "quantile"]),
            "n_layers": whole("n_layers", 1, 5),
            "width": one_of("width", _WIDTHS),
            "activation": one_of("activation", ["selu", "silu", "mish", "relu"]),
            "dropout": real("dropout", 0.0, 0.5),
            **suggest_embedding(
                suggest,
                ["periodic", "piecewise", "none"],
                widths=[4, 8, 16],
                frequencies=[8, 16, 32, 64],
            ),
            "max_onehot": whole("max_onehot", 4, 32, log=True),
            "category_width": one_of("category_width", [4, 8, 16]),
            "optimiser": one_of("optimiser", ["adamw", "muon"]),
            "lr": real("lr", 0.005, 0.5, log=True),
            "scale_lr": real("scale_lr", 1.0, 10.0, log=True),
            "weight_decay": real("weight_decay", 1e-3, 0.1, log=True),
            "batch_size": one_of("batch_size", _BATCH_SIZES),
            "schedule": one_of("schedule", ["coslog4", "flat_cos", "cosine"]),
            "average_epochs": one_of("average_epochs", [0.0, 1.0, 4.0]),
            "label_smoothing": one_of("label_smoothing", [0.0, 0.1]),
            "clip_norm": one_of("clip_norm", [None, 1.0]),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """Two nets with piecewise embeddings, then RealMLP's default and other sizes."""
        default = _default(problem)
        changes: Sequence[Mapping[str, Any]] = (
            # One wide layer.
            {
                "n_layers": 1,
                "width": 512,
                "activation": "relu",
                "dropout": 0.4,
                "n_frequencies": 32,
                "schedule": "coslog4",
            },
            # RealMLP-TD: robust scaling and low frequencies; slower, but more diverse.
            {
                "numeric": "standard",
                "n_layers": 3,
                "dropout": 0.15,
                "embedding": "periodic",
                "embedding_width": 4,
                "embedding_lr": 0.1,
                "sigma": 0.1,
            },
            # Deep, with higher frequencies: for targets that change quickly with a column.
            {
                "numeric": "standard",
                "n_layers": 4,
                "activation": "mish",
                "dropout": 0.05,
                "embedding": "periodic",
                "n_frequencies": 32,
                "embedding_lr": 0.1,
                "lr": 0.5 * default["lr"],
            },
            # Small, fast and strongly regularised: for few rows.
            {
                "numeric": "standard",
                "width": 128,
                "activation": "selu",
                "dropout": 0.3,
                "embedding": "none",
                "weight_decay": 0.05,
                "schedule": "cosine",
            },
        )
        return make_portfolio(default, changes, problem)


def _default(problem: ProblemInfo) -> dict[str, Any]:
    regression = not problem.task.is_classification
    few = problem.task.is_classification and problem.n_rows < _FEW_ROWS
    return {
        "numeric": "quantile",
        "n_layers": 2,
        "width": 256,
        "activation": "silu",
        "dropout": 0.3 if few else 0.1,
        "embedding": "piecewise",
        "embedding_width": 8,
        "n_frequencies": 16,
        "sigma": 1.0,
        "max_onehot": 9,
        "category_width": 8,
        "lr": 0.2 if regression else 0.04,
        "scale_lr": 6.0,
        "embedding_lr": 0.3,
        # Without decay, embeddings of categories overfit single rows.
        "weight_decay": 0.1 if problem.n_categorical and not regression else 0.02,
        "optimiser": "adamw",
        "batch_size": batch_size_of(problem.n_rows, ((50_000, 256), (150_000, 512))),
        "schedule": "flat_cos",
        "average_epochs": 0.0,
        "label_smoothing": 0.1 if problem.metric.needs == "labels" else 0.0,
        "clip_norm": None,
    }


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``mlp``."""
    return [Mlp()]
