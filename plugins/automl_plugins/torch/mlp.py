"""Feed-forward net for tables, after RealMLP (Holzmüller et al. 2024, arXiv 2407.04491).

The default trades RealMLP's periodic embedding and robust scaling for bins of normal quantiles
(arXiv 2203.05556): it learns in far fewer epochs, and epochs are what a CPU is short of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    FittedModel,
    Fold,
    ModelFamily,
    Params,
    Report,
    Resources,
    Shape,
    Suggest,
    Task,
    TrialContext,
    View,
    hookimpl,
)

__all__ = ["Mlp", "automl_model_families"]

_WIDTHS = (64, 128, 256, 384, 512)
_BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
_FEW_ROWS = 3_000  # below that classes are learnt by heart without more dropout
_MAX_EMBEDDED = 200  # more numeric columns than that make the embedding the larger part of the net
_FLOPS_PER_S = 2e10  # of one CPU core in training: a cautious estimate


class Mlp(ModelFamily):
    """Embedded numbers and categories, a learnt scale of each, then hidden layers."""

    name: ClassVar[str] = "mlp"
    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    extra: ClassVar[str] = "torch"
    preload: ClassVar[tuple[str, ...]] = ("torch",)
    fidelity: ClassVar[str] = "epochs"
    priority: ClassVar[int] = 60
    settings: ClassVar[Mapping[str, Any]] = {"max_epochs": 256}

    def accepts(self, shape: Shape) -> str | None:
        """Refuses data of which the folds do not see one epoch within half of the budget."""
        if shape.n_gpus or shape.time_s is None:
            return None
        epoch_s = _epoch_s(shape)
        needed_s = epoch_s * shape.n_folds / max(1, min(shape.n_cpus, shape.n_folds))
        if needed_s <= 0.5 * shape.time_s:
            return None
        return (
            f"one epoch over {shape.n_rows:,} rows x {shape.n_columns} columns takes about "
            f"{epoch_s:.0f} s on a CPU core, too long for {shape.n_folds} fold(s) in "
            f"{shape.time_s:.0f} s: give it more time or a GPU"
        )

    def resources(self, shape: Shape) -> Resources:
        """One core, or a quarter of a GPU, where the encoded rows stay while it trains."""
        data_gib = 8 * shape.n_rows * max(1, shape.n_columns) / 2**30
        if shape.n_gpus:
            return Resources(ram_gib=1.0 + data_gib, n_gpus=0.25, vram_gib=1.0 + data_gib)
        return Resources(ram_gib=0.5 + 2 * data_gib)

    def view(self, params: Params, shape: Shape) -> View:
        """Scaled or normal-quantile numbers, codes of categories, components of text."""
        return View(numeric=params["numeric"], categorical="codes", text="svd")

    def search_space(self, suggest: Suggest, shape: Shape) -> dict[str, Any]:
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
            "embedding": one_of("embedding", ["periodic", "piecewise", "none"]),
            "embedding_width": one_of("embedding_width", [4, 8, 16]),
            "n_frequencies": one_of("n_frequencies", [8, 16, 32, 64]),
            "sigma": real("sigma", 0.01, 10.0, log=True),
            "max_onehot": whole("max_onehot", 4, 32, log=True),
            "category_width": one_of("category_width", [4, 8, 16]),
            "lr": real("lr", 0.005, 0.5, log=True),
            "scale_lr": real("scale_lr", 1.0, 10.0, log=True),
            "embedding_lr": real("embedding_lr", 0.03, 1.0, log=True),
            "weight_decay": real("weight_decay", 1e-3, 0.1, log=True),
            "batch_size": one_of("batch_size", _BATCH_SIZES),
            "schedule": one_of("schedule", ["coslog4", "flat_cos", "cosine"]),
            "label_smoothing": one_of("label_smoothing", [0.0, 0.1]),
            "clip_norm": one_of("clip_norm", [None, 1.0]),
        }

    def portfolio(self, shape: Shape) -> Sequence[Params]:
        """Two nets on binned normal quantiles, then RealMLP's own default and other sizes."""
        default = _default(shape)
        changes: Sequence[Mapping[str, Any]] = (
            {},
            # One wide layer.
            {
                "n_layers": 1,
                "width": 512,
                "activation": "relu",
                "dropout": 0.4,
                "n_frequencies": 32,
                "schedule": "coslog4",
            },
            # RealMLP-TD: robust scaling and low frequencies; slower to learn, another view.
            {
                "numeric": "standard",
                "n_layers": 3,
                "dropout": 0.15,
                "embedding": "periodic",
                "embedding_width": 4,
                "embedding_lr": 0.1,
                "sigma": 0.1,
            },
            # Deep, with higher frequencies: for targets that change fast.
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
        entries = [{**default, **change} for change in changes]
        if shape.n_numeric > _MAX_EMBEDDED:
            entries = [{**entry, "embedding": "none"} for entry in entries]
        return entries

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch."""
        from automl_plugins.torch._fit import fit_mlp

        max_epochs = {**self.settings, **context.shape.settings}["max_epochs"]
        return fit_mlp(params, fold, context, report, max_epochs)

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes ``net.json`` and ``weights.safetensors``."""
        from automl_plugins.torch._model import FittedNet, save

        assert isinstance(model, FittedNet)
        save(model, path)

    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote, onto the CPU."""
        from automl_plugins.torch._model import load

        return load(path)


def _default(shape: Shape) -> dict[str, Any]:
    regression = not shape.task.is_classification
    few = shape.task.is_classification and shape.n_rows < _FEW_ROWS
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
        # Learnt vectors of categories fit single rows unless they decay.
        "weight_decay": 0.1 if shape.n_categorical and not regression else 0.02,
        "batch_size": _batch_size(shape.n_rows),
        "schedule": "flat_cos",
        "label_smoothing": 0.1 if shape.metric.needs == "labels" else 0.0,
        "clip_norm": None,
    }


def _batch_size(n_rows: int) -> int:
    """Larger for more rows: steps cost the same, epochs do not."""
    for rows, size in ((50_000, 256), (150_000, 512)):
        if n_rows <= rows:
            return size
    return 1024


def _epoch_s(shape: Shape) -> float:
    """Seconds of one epoch of the default net on one CPU core: an estimate from its size."""
    n_inputs = 8 * (shape.n_numeric + shape.n_categorical) + 64 * shape.n_text
    weights = 256 * (n_inputs + 256 + shape.n_classes)
    return 6.0 * shape.n_rows * weights / _FLOPS_PER_S


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Brings ``mlp``."""
    return [Mlp()]
