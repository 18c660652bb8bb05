"""TabM (Gorishniy et al. 2024, arXiv 2410.24210): many nets that share most of their weights."""

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

__all__ = ["TabM", "automl_model_families"]

_BATCH_ROWS = ((2_800, 32), (4_500, 64), (6_400, 128), (32_000, 256), (108_000, 512))
_SPACE = {
    "cpu": {"width": [64, 128, 256], "k": [8, 16, 32], "n_frequencies": [8, 16, 32, 48]},
    "gpu": {"width": [128, 256, 512, 768, 1024], "k": [16, 32], "n_frequencies": [16, 32, 48, 96]},
}


class TabM(NetFamily):
    """An ensemble of nets in one net, on quantile-normal numbers.

    On a CPU it has fewer and narrower nets: 16 nets of width 128 take 4 times as long as ``mlp``,
    and 32 of width 256 take 33 times.
    """

    name: ClassVar[str] = "tabm"
    priority: ClassVar[int] = 50
    constants: ClassVar[Mapping[str, Any]] = {
        "body": "tabm",
        "numeric": "quantile",
        "activation": "relu",
        "clip_norm": 1.0,
        "max_onehot": 9,
        "category_width": 8,
        "patience": 16,
    }

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """The space of TabArena (arXiv 2506.16791), with smaller nets for a CPU."""
        real, one_of = suggest.suggest_float, suggest.suggest_categorical
        space = _SPACE["gpu" if problem.n_gpus else "cpu"]
        params = {
            "n_layers": suggest.suggest_int("n_layers", 1, 5),
            "width": one_of("width", space["width"]),
            "k": one_of("k", space["k"]),
            "is_mini": one_of("is_mini", [False, True]),
            **suggest_embedding(
                suggest,
                ["piecewise", "none"],
                widths=[8, 12, 16, 24, 32],
                frequencies=space["n_frequencies"],
            ),
            "lr": real("lr", 1e-4, 5e-3, log=True),
            "batch_size": one_of("batch_size", [32, 64, 128, 256, 512, 1024]),
            "drops": one_of("drops", [False, True]),
            "decays": one_of("decays", [False, True]),
            "optimiser": one_of("optimiser", ["adamw", "muon"]),
        }
        if params["drops"]:
            params["dropout"] = real("dropout", 0.0, 0.5)
        if params["decays"]:
            params["weight_decay"] = real("weight_decay", 1e-4, 0.1, log=True)
        return params

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """The default, a mini one with more dropout, a deeper one, and one with Muon."""
        is_small = not problem.n_gpus
        default = {
            "n_layers": 2,
            "width": 128 if is_small else 512,
            "k": 16 if is_small else 32,
            "is_mini": False,
            "embedding": "piecewise",
            "embedding_width": 8 if is_small else 16,
            "n_frequencies": 16 if is_small else 48,
            "embedding_lr": 1.0,
            "lr": 2e-3,
            "batch_size": batch_size_of(problem.n_rows, _BATCH_ROWS),
            "drops": True,
            "dropout": 0.1,
            "decays": True,
            "weight_decay": 3e-4,
            "optimiser": "adamw",
        }
        changes: Sequence[Mapping[str, Any]] = (
            {"is_mini": True, "width": 256, "dropout": 0.3, "weight_decay": 1e-2},
            {"n_layers": 4, "lr": 1e-3, "dropout": 0.0},
            {"optimiser": "muon", "lr": 4e-3, "weight_decay": 1e-2},
        )
        return make_portfolio(default, changes, problem)


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family ``tabm``."""
    return [TabM()]
