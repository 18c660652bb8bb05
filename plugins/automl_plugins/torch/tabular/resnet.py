"""Residual net for tables (Gorishniy et al. 2021, arXiv 2106.11959)."""

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

__all__ = ["ResNet", "automl_model_families"]

_BATCH_ROWS = ((5_000, 128), (50_000, 256), (150_000, 512))


class ResNet(NetFamily):
    """Residual blocks: weaker than the other nets in published comparisons, but diverse."""

    name: ClassVar[str] = "resnet"
    priority: ClassVar[int] = 30
    constants: ClassVar[Mapping[str, Any]] = {
        "body": "resnet",
        "max_onehot": 9,
        "category_width": 8,
        "patience": 16,
    }

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of the paper, table 14, with embeddings and smaller nets for a CPU."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        widths = [64, 128, 256, 512, 1024] if problem.n_gpus else [64, 128, 192, 256]
        params = {
            "numeric": one_of("numeric", ["standard", "quantile"]),
            "n_layers": suggest.suggest_int("n_layers", 1, 8 if problem.n_gpus else 4),
            "width": one_of("width", widths),
            "activation": one_of("activation", ["relu", "silu"]),
            "dropout": real("dropout", 0.0, 0.5),
            **suggest_embedding(
                suggest,
                ["periodic", "piecewise", "none"],
                widths=[4, 8, 16],
                frequencies=[8, 16, 32, 64],
            ),
            "optimiser": one_of("optimiser", ["adamw", "muon"]),
            "lr": real("lr", 1e-4, 1e-2, log=True),
            "batch_size": one_of("batch_size", [64, 128, 256, 512, 1024]),
            "average_epochs": one_of("average_epochs", [0.0, 1.0, 4.0]),
            "decays": one_of("decays", [False, True]),
        }
        if params["decays"]:
            params["weight_decay"] = real("weight_decay", 1e-6, 0.1, log=True)
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """Two blocks with piecewise embeddings, then deeper ones without, as in the paper."""
        default = {
            "numeric": "quantile",
            "n_layers": 2,
            "width": 256 if problem.n_gpus else 128,
            "activation": "relu",
            "dropout": 0.2,
            "embedding": "piecewise",
            "embedding_width": 8,
            "n_frequencies": 16,
            "embedding_lr": 1.0,
            "optimiser": "adamw",
            "lr": 1e-3,
            "batch_size": batch_size_of(problem.n_rows, _BATCH_ROWS),
            "average_epochs": 1.0,
            "decays": True,
            "weight_decay": 1e-2,
        }
        return make_portfolio(
            default, [{"embedding": "none", "n_layers": 4, "dropout": 0.3}], problem
        )


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``resnet``."""
    return [ResNet()]
