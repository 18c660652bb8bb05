"""What the families of nets have in common. Light: torch is imported when something is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ConfigurableFamily,
    FittedModel,
    Fold,
    IterativeFamily,
    PackedFamily,
    PackMember,
    Param,
    Params,
    Report,
    Resources,
    SelectiveFamily,
    Shape,
    Suggest,
    Task,
    TrialContext,
    View,
)
from automl_plugins.torch.core.batch_sizes import MOST_VALUES
from automl_plugins.torch.core.validation import log_bytes_of

__all__ = ["NetFamily", "portfolio_of", "suggest_embedding"]


_MAX_EMBEDDED = 200  # more numeric columns than that make the embedding the larger part of the net
_MOST_PACKED = 16  # params of a pack on a GPU
_FLOPS_PER_S = 2e10  # of one CPU core in training: a cautious estimate
_TEXT_COLUMNS = 64  # dense columns of a text
_COPIES = 10  # of the hidden values of a batch, in what a step of training holds


class NetFamily(ConfigurableFamily, IterativeFamily, PackedFamily, SelectiveFamily):
    """A family whose models are nets of ``_nets.py``, trained by the loop of ``_loop.py``.

    Attributes:
        constants: Values of what the family does not vary; see ``_values.py``.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    extra: ClassVar[str] = "torch"
    preload: ClassVar[tuple[str, ...]] = ("torch", "safetensors.torch")
    fidelity: ClassVar[str] = "epochs"
    early_stopping = "staged"
    packed: ClassVar[frozenset[str]] = frozenset(
        {
            "average_epochs",
            "clip_norm",
            "decays",
            "drops",
            "dropout",
            "embedding_lr",
            "first_lr",
            "label_smoothing",
            "lr",
            "scale_lr",
            "schedule",
            "second_moment",
            "sigma",
            "smooths",
            "weight_decay",
        }
    )
    settings: ClassVar[Mapping[str, Any]] = {"max_epochs": 256, "mixed_precision": True}
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_epochs": Param("int", low=1, high=1_000_000),
        "mixed_precision": Param("bool"),
    }
    constants: ClassVar[Mapping[str, Any]] = {}

    def accepts(self, shape: Shape) -> str | None:
        """Refuses data of which the folds do not see one epoch within half of the budget."""
        if shape.n_gpus or shape.time_s is None:
            return None
        epoch_s = self._epoch_s(shape)
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
        data_gib, step_gib = self._sizes_gib(shape)
        if shape.n_gpus:
            vram_gib = 1.0 + data_gib + step_gib
            ram_gib = 1.0 + data_gib + self._log_gib(shape)
            return Resources(ram_gib=ram_gib, n_gpus=0.25, vram_gib=vram_gib)
        return Resources(ram_gib=0.3 + 2 * data_gib + step_gib + self._log_gib(shape))

    def pack_resources(self, n_members: int, shape: Shape) -> Resources:
        """All cores that members can use, or a whole GPU; the rows of a fold stay there once."""
        data_gib, step_gib = self._sizes_gib(shape)
        data_gib *= min(n_members, shape.n_folds)
        log_gib = n_members * self._log_gib(shape)
        if shape.n_gpus:
            vram_gib = 1.0 + data_gib + n_members * step_gib
            return Resources(ram_gib=1.0 + data_gib + log_gib, n_gpus=1.0, vram_gib=vram_gib)
        ram_gib = 0.3 + 2 * data_gib + n_members * step_gib + log_gib
        return Resources(n_cpus=min(n_members, shape.n_cpus), ram_gib=ram_gib)

    def view(self, params: Params, shape: Shape) -> View:
        """Scaled or normal-quantile numbers, codes of categories, components of text."""
        numeric = {**self.constants, **params}["numeric"]
        return View(numeric=numeric, categorical="codes", text="svd")

    def pack_size(self, params: Params, shape: Shape) -> int:
        """As many as fill the caches of all cores, or the GPU."""
        values: int = params["batch_size"] * params["width"] * params.get("k", 1) * shape.n_folds
        most = MOST_VALUES["cuda"] if shape.n_gpus else MOST_VALUES["cpu"] * shape.n_cpus
        return max(1, min(most // values, _MOST_PACKED))

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains with early stopping and keeps the weights of the best epoch: a pack of one."""
        (outcome,) = self.fit_pack([PackMember(params, fold, context.seed, report)], context)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def fit_pack(
        self, members: Sequence[PackMember], context: TrialContext
    ) -> list[FittedModel | Exception]:
        """Trains nets with stacked weights; each stops early by itself."""
        from automl_plugins.torch.tabular.training.fit import fit_nets
        from automl_plugins.torch.tabular.training.net_config import net_fit

        shape = context.shape
        most = [shape.n_folds * self.pack_size(member.params, shape) for member in members]
        fits = [
            net_fit(self.constants, member, context, most_beside)
            for member, most_beside in zip(members, most, strict=True)
        ]
        return fit_nets(fits, context)

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes ``net.json`` and ``weights.safetensors``."""
        from automl_plugins.torch.tabular.training.fitted_net import FittedNet, save

        assert isinstance(model, FittedNet)
        save(model, path)

    def load(self, path: Path) -> FittedModel:
        """Reads what ``save`` wrote, onto the CPU."""
        from automl_plugins.torch.tabular.training.fitted_net import load

        return load(path)

    def _sizes_gib(self, shape: Shape) -> tuple[float, float]:
        """Of the encoded rows of a fold, and of what a step of the default net holds."""
        net = {"k": 1, **self.portfolio(shape)[0]}
        values = net["batch_size"] * net["width"] * net["k"] * net["n_layers"]
        data_gib = 8 * shape.n_rows * max(1, shape.n_columns) / 2**30
        return data_gib, 4 * _COPIES * values / 2**30

    def _log_gib(self, shape: Shape) -> float:
        """Of what a fit logs for its validation rows; see ``_judge.py``."""
        n_outputs = shape.n_classes or len(shape.quantiles) or 1
        n_fits = shape.n_folds * self.pack_size(self.portfolio(shape)[0], shape)
        return log_bytes_of(shape.n_rows // max(2, shape.n_folds), n_outputs, n_fits) / 2**30

    def _epoch_s(self, shape: Shape) -> float:
        """Seconds of one epoch of the default net on one CPU core: an estimate from its size."""
        net: dict[str, Any] = {"k": 1, "embedding_width": 1, **self.constants}
        net.update(self.portfolio(shape)[0])
        n_inputs = net["embedding_width"] * shape.n_numeric + _TEXT_COLUMNS * shape.n_text
        n_inputs += net["category_width"] * shape.n_categorical
        inner = 4 * net["width"] if net.get("body") == "resnet" else net["width"]
        weights: float = net["width"] * (n_inputs + inner * (net["n_layers"] - 1) + shape.n_classes)
        return 6.0 * shape.n_rows * int(net["k"]) * weights / _FLOPS_PER_S


def suggest_embedding(
    suggest: Suggest,
    kinds: Sequence[str],
    *,
    widths: Sequence[int],
    frequencies: Sequence[int],
    rates: tuple[float, float] = (0.03, 1.0),
) -> dict[str, Any]:
    """An embedding of numbers, with the params that its kind has.

    Args:
        suggest: Proposes.
        kinds: Of ``periodic``, ``piecewise`` and ``none``.
        widths: Outputs for each number.
        frequencies: Cosines of a periodic one, bins of a piecewise one.
        rates: The range of its factor of the learning rate.
    """
    chosen: dict[str, Any] = {"embedding": suggest.suggest_categorical("embedding", kinds)}
    if chosen["embedding"] == "none":
        return chosen
    chosen["embedding_width"] = suggest.suggest_categorical("embedding_width", widths)
    chosen["n_frequencies"] = suggest.suggest_categorical("n_frequencies", frequencies)
    chosen["embedding_lr"] = suggest.suggest_float("embedding_lr", *rates, log=True)
    if chosen["embedding"] == "periodic":
        chosen["sigma"] = suggest.suggest_float("sigma", 0.01, 50.0, log=True)
    return chosen


def portfolio_of(
    default: Params, changes: Sequence[Mapping[str, Any]], shape: Shape
) -> list[dict[str, Any]]:
    """The default and what differs from it, without params of embeddings that are not there.

    Args:
        default: With the params of every kind of embedding.
        changes: Of the others.
        shape: Of the problem: many numeric columns are not embedded.
    """
    entries = []
    for change in ({}, *changes):
        entry = {**default, **change}
        if shape.n_numeric > _MAX_EMBEDDED:
            entry["embedding"] = "none"
        absent = set() if entry["embedding"] == "periodic" else {"sigma"}
        if entry["embedding"] == "none":
            absent |= {"embedding_width", "n_frequencies", "embedding_lr"}
        entries.append({name: value for name, value in entry.items() if name not in absent})
    return entries
