"""Base class of families of nets for tables; torch is imported only to fit or load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ConfigurableFamily,
    Encoding,
    FittedModel,
    Fold,
    IterativeFamily,
    PackedFamily,
    PackFit,
    Param,
    Params,
    ProblemInfo,
    Report,
    Resources,
    SelectiveFamily,
    Suggest,
    Task,
    TrialContext,
)
from automl_plugins.common.memory import columns_gib
from automl_plugins.torch.core.batch_sizes import MOST_VALUES
from automl_plugins.torch.core.validation import log_bytes_of

__all__ = ["NetFamily", "make_portfolio", "suggest_embedding"]


_MAX_EMBEDDED = 200  # with more numeric columns the embedding would be most of the net
_MOST_PACKED = 16  # params per pack on a GPU
_FLOPS_PER_S = 2e10  # of one CPU core in training: a cautious estimate
_TEXT_COLUMNS = 64  # dense columns per text column
_WEIGHT_BYTES = 72
_COPIES = 10  # memory of a training step, in copies of the hidden values of a batch


class NetFamily(ConfigurableFamily, IterativeFamily, PackedFamily, SelectiveFamily):
    """A family of nets of ``nets/``, trained by ``training/``.

    Attributes:
        constants: Options that the family does not search; see ``training/net_config.py``.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    extra: ClassVar[str] = "torch"
    preload: ClassVar[tuple[str, ...]] = ("torch", "safetensors.torch")
    fidelity: ClassVar[str] = "epochs"
    early_stopping = "staged"
    packable_params: ClassVar[frozenset[str]] = frozenset(
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

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips data of which the folds cannot finish one epoch within half of the budget."""
        if problem.n_gpus or problem.time_s is None:
            return None
        epoch_s = self._epoch_s(problem)
        needed_s = epoch_s * problem.n_folds / max(1, min(problem.n_cpus, problem.n_folds))
        if needed_s <= 0.5 * problem.time_s:
            return None
        return (
            f"one epoch over {problem.n_rows:,} rows x {problem.n_columns} columns takes about "
            f"{epoch_s:.0f} s on a CPU core, too long for {problem.n_folds} fold(s) in "
            f"{problem.time_s:.0f} s: give it more time or a GPU"
        )

    def resources(self, problem: ProblemInfo) -> Resources:
        """One core, or a quarter of a GPU, which holds the encoded rows during training."""
        data_gib, step_gib = self._sizes_gib(problem)
        if problem.n_gpus:
            vram_gib = 1.0 + data_gib + step_gib
            ram_gib = 1.0 + data_gib + self._log_gib(problem)
            return Resources(ram_gib=ram_gib, n_gpus=0.25, vram_gib=vram_gib)
        ram_gib = 0.3 + 2 * data_gib + step_gib + self._log_gib(problem)
        return Resources(ram_gib=ram_gib + columns_gib(problem) + self._inputs_gib(problem))

    def pack_resources(self, n_members: int, problem: ProblemInfo) -> Resources:
        """All cores that members can use, or a whole GPU, with one copy of the rows per fold."""
        data_gib, step_gib = self._sizes_gib(problem)
        data_gib *= min(n_members, problem.n_folds)
        log_gib = n_members * self._log_gib(problem)
        if problem.n_gpus:
            vram_gib = 1.0 + data_gib + n_members * step_gib
            return Resources(ram_gib=1.0 + data_gib + log_gib, n_gpus=1.0, vram_gib=vram_gib)
        ram_gib = 0.3 + 2 * data_gib + n_members * step_gib + log_gib + columns_gib(problem)
        ram_gib += n_members * self._inputs_gib(problem)
        return Resources(n_cpus=min(n_members, problem.n_cpus), ram_gib=ram_gib)

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Scaled or quantile-normal numbers, category codes, components of texts."""
        numeric = {**self.constants, **params}["numeric"]
        return Encoding(numeric=numeric, categorical="codes", text="svd")

    def max_pack_size(self, params: Params, problem: ProblemInfo) -> int:
        """Number of params that fill the caches of all cores, or the GPU."""
        values: int = params["batch_size"] * params["width"] * params.get("k", 1) * problem.n_folds
        most = MOST_VALUES["cuda"] if problem.n_gpus else MOST_VALUES["cpu"] * problem.n_cpus
        return max(1, min(most // values, _MOST_PACKED))

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Trains a pack of one with early stopping and keeps the weights of its best epoch."""
        (outcome,) = self.fit_pack([PackFit(params, fold, context.seed, report)], context)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def fit_pack(
        self, members: Sequence[PackFit], context: TrialContext
    ) -> list[FittedModel | Exception]:
        """Trains nets with stacked weights; each stops early on its own."""
        from automl_plugins.torch.tabular.training.fit import fit_nets
        from automl_plugins.torch.tabular.training.net_config import net_fit

        shape = context.problem
        most = [shape.n_folds * self.max_pack_size(member.params, shape) for member in members]
        fits = [
            net_fit(self.constants, member, context, most_beside)
            for member, most_beside in zip(members, most, strict=True)
        ]
        return fit_nets(fits, context)

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes ``net.json`` and ``weights.safetensors``."""
        from automl_plugins.torch.tabular.training.fitted_net import TabularModel, save

        assert isinstance(model, TabularModel)
        save(model, path)

    def load(self, path: Path) -> FittedModel:
        """Reads the model written by ``save``, onto the CPU."""
        from automl_plugins.torch.tabular.training.fitted_net import load

        return load(path)

    def _sizes_gib(self, problem: ProblemInfo) -> tuple[float, float]:
        """Memory of a fold's encoded rows, and of a training step of the default net, in GiB."""
        net = {"k": 1, **self.portfolio(problem)[0]}
        values = net["batch_size"] * net["width"] * net["k"] * net["n_layers"]
        data_gib = 8 * problem.n_rows * max(1, problem.n_columns) / 2**30
        return data_gib, 4 * _COPIES * values / 2**30

    def _inputs_gib(self, problem: ProblemInfo) -> float:
        """Memory of the weights of the first layer, which are many for many columns, in GiB.

        With gradients, moments, the best and averaged weights, and temporary copies: measured.
        """
        width = self.portfolio(problem)[0]["width"]
        return float(_WEIGHT_BYTES * problem.n_columns * width / 2**30)

    def _log_gib(self, problem: ProblemInfo) -> float:
        """Memory of the stage log of a fit, in GiB; see ``core/validation.py``."""
        n_outputs = problem.n_classes or len(problem.quantiles) or 1
        n_fits = problem.n_folds * self.max_pack_size(self.portfolio(problem)[0], problem)
        return log_bytes_of(problem.n_rows // max(2, problem.n_folds), n_outputs, n_fits) / 2**30

    def _epoch_s(self, problem: ProblemInfo) -> float:
        """Seconds of one epoch of the default net on one CPU core, estimated from its size."""
        net: dict[str, Any] = {"k": 1, "embedding_width": 1, **self.constants}
        net.update(self.portfolio(problem)[0])
        n_inputs = net["embedding_width"] * problem.n_numeric + _TEXT_COLUMNS * problem.n_text
        n_inputs += net["category_width"] * problem.n_categorical
        inner = 4 * net["width"] if net.get("body") == "resnet" else net["width"]
        weights: float = net["width"] * (
            n_inputs + inner * (net["n_layers"] - 1) + problem.n_classes
        )
        return 6.0 * problem.n_rows * int(net["k"]) * weights / _FLOPS_PER_S


def suggest_embedding(
    suggest: Suggest,
    kinds: Sequence[str],
    *,
    widths: Sequence[int],
    frequencies: Sequence[int],
    rates: tuple[float, float] = (0.03, 1.0),
) -> dict[str, Any]:
    """Suggests an embedding of numbers with the params of its kind.

    Args:
        suggest: Suggests params.
        kinds: Some of ``periodic``, ``piecewise`` and ``none``.
        widths: Range of the outputs per number.
        frequencies: Range of the cosines (periodic) or bins (piecewise).
        rates: Range of the factor of the embedding's learning rate.
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


def make_portfolio(
    default: Params, changes: Sequence[Mapping[str, Any]], problem: ProblemInfo
) -> list[dict[str, Any]]:
    """The default and its variants, without params of embeddings that are not used.

    Args:
        default: Default params, with those of every kind of embedding.
        changes: Changed params of each variant.
        problem: The problem; many numeric columns are not embedded.
    """
    entries = []
    for change in ({}, *changes):
        entry = {**default, **change}
        if problem.n_numeric > _MAX_EMBEDDED:
            entry["embedding"] = "none"
        absent = set() if entry["embedding"] == "periodic" else {"sigma"}
        if entry["embedding"] == "none":
            absent |= {"embedding_width", "n_frequencies", "embedding_lr"}
        entries.append({name: value for name, value in entry.items() if name not in absent})
    return entries
