"""RealMLP (Holzmüller et al. 2024, arXiv 2407.04491): a feed-forward net with tuned defaults.

In addition to ``mlp``: data-dependent initialisation, parametric activations, dropout and weight
decay that fall with the schedule, and periodic embeddings. It needs more epochs and makes other
errors.
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

__all__ = ["RealMlp", "automl_model_families"]

_BATCH_ROWS = ((16_000, 128), (100_000, 256), (300_000, 512))


class RealMlp(NetFamily):
    """The recipe RealMLP-TD, and the space of TabArena (arXiv 2506.16791) around it."""

    name: ClassVar[str] = "realmlp"
    priority: ClassVar[int] = 55
    constants: ClassVar[Mapping[str, Any]] = {
        "numeric": "standard",
        "is_parametric": True,
        "has_front_scale": True,
        "starts_from_data": True,
        "by_inputs": True,
        "schedule": "coslog4",
        "eases": True,
    }

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Depth, width, embedding and rates; label smoothing for classes."""
        real, whole, one_of = (
            suggest.suggest_float,
            suggest.suggest_int,
            suggest.suggest_categorical,
        )
        params = {
            "n_layers": whole("n_layers", 2, 4),
            "width": one_of("width", [256, 384, 512]),
            "activation": one_of("activation", ["selu", "mish", "silu"]),
            "dropout": real("dropout", 0.0, 0.5),
            **suggest_embedding(
                suggest,
                ["periodic", "none"],
                widths=[4, 8, 16, 32],
                frequencies=[8, 16, 32, 64],
                rates=(0.05, 0.3),
            ),
            "max_onehot": whole("max_onehot", 4, 33, log=True),
            "category_width": one_of("category_width", [4, 8, 16]),
            "optimiser": one_of("optimiser", ["adamw", "muon"]),
            "lr": real("lr", 0.02, 0.3, log=True),
            "first_lr": real("first_lr", 0.3, 1.5, log=True),
            "scale_lr": real("scale_lr", 2.0, 10.0, log=True),
            "second_moment": real("second_moment", 0.95, 0.995),
            "weight_decay": real("weight_decay", 1e-3, 0.05, log=True),
            "batch_size": one_of("batch_size", [64, 128, 256, 512, 1024]),
        }
        if problem.task.is_classification:
            params["smooths"] = one_of("smooths", [False, True])
            if params["smooths"]:
                params["label_smoothing"] = real("label_smoothing", 0.005, 0.1, log=True)
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """RealMLP-TD, a wider and a deeper one with larger embeddings, and one with Muon."""
        default = _default(problem)
        changes: Sequence[Mapping[str, Any]] = (
            {"width": 512, "dropout": 0.3, "embedding_width": 16, "n_frequencies": 32},
            {
                "n_layers": 4,
                "width": 384,
                "activation": "silu",
                "dropout": 0.05,
                "sigma": 1.0,
                "embedding_width": 8,
                "first_lr": 0.5,
            },
            {"optimiser": "muon", "sigma": 0.5, "weight_decay": 0.01},
        )
        return make_portfolio(default, changes, problem)


def _default(problem: ProblemInfo) -> dict[str, Any]:
    """RealMLP-TD (arXiv 2407.04491, table A.1), with smaller batches for few rows."""
    regression = not problem.task.is_classification
    default = {
        "n_layers": 3,
        "width": 256,
        "activation": "mish" if regression else "selu",
        "dropout": 0.15,
        "embedding": "periodic",
        "embedding_width": 4,
        "n_frequencies": 16,
        "embedding_lr": 0.1,
        "sigma": 0.1,
        "max_onehot": 9,
        "category_width": 8,
        "optimiser": "adamw",
        "lr": 0.2 if regression else 0.04,
        "first_lr": 1.0,
        "scale_lr": 6.0,
        "second_moment": 0.95,
        "weight_decay": 0.02,
        "batch_size": batch_size_of(problem.n_rows, _BATCH_ROWS),
    }
    if regression:
        return default
    # Label smoothing distorts probabilities and improves labels.
    smooths = problem.metric.needs == "labels"
    return {**default, "smooths": smooths, **({"label_smoothing": 0.1} if smooths else {})}


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``realmlp``."""
    return [RealMlp()]
