"""Base class of families of nets for images, sequences and texts; it imports no library."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from automl.plugin import (
    ConfigurableFamily,
    FittedModel,
    IterativeFamily,
    Param,
    ProblemInfo,
    Resources,
    SelectiveFamily,
    Suggest,
    Task,
)

__all__ = ["MediaFamily", "default_epochs", "default_resources", "suggest_training"]

_FLOPS_PER_S = 2e10  # of one CPU core in training: a cautious estimate
_GPU_FLOPS_PER_S = 1e12
_WORK_OF_A_WEIGHT = 6.0  # floating-point operations per weight, forward and backward
_BUDGET_SHARE = 0.5  # of the budget, within which all folds must finish one epoch


_BATCH_SIZES = (16, 32, 64, 128, 256)
FEWEST_EPOCHS = 12
USEFUL_EPOCHS = 10
_DEFAULT_SIZE = 3.0  # products of the default net relative to the smallest


def default_epochs(n_rows: int, n_seen: int, most: int) -> int:
    """Number of epochs in which ``n_seen`` rows are seen, repeats included; at least twelve.

    Args:
        n_rows: Rows of the table.
        n_seen: Rows to see in all epochs together.
        most: Largest number of epochs, for few rows.
    """
    return max(FEWEST_EPOCHS, min(most, n_seen // max(1, n_rows)))


def suggest_training(suggest: Suggest, epochs: tuple[int, int]) -> dict[str, Any]:
    """Suggests epochs, batch size and rates, as in all nets except those for images.

    Args:
        suggest: Suggests params.
        epochs: Lowest and highest number of epochs.
    """
    return {
        "epochs": suggest.suggest_int("epochs", *epochs, log=True),
        "batch_size": suggest.suggest_categorical("batch_size", _BATCH_SIZES),
        "lr": suggest.suggest_float("lr", 5e-4, 2e-2, log=True),
        "weight_decay": suggest.suggest_float("weight_decay", 1e-3, 0.3, log=True),
        "label_smoothing": suggest.suggest_categorical("label_smoothing", [0.0, 0.1]),
    }


def default_resources(
    problem: ProblemInfo, batch_gib: float, *, host_gib: float = 1.5
) -> Resources:
    """One core, or a quarter of a GPU if there is one.

    Args:
        problem: The problem.
        batch_gib: Memory of a training step.
        host_gib: CPU memory in addition to a GPU.
    """
    if problem.n_gpus:
        return Resources(ram_gib=host_gib, n_gpus=0.25, vram_gib=1.0 + batch_gib)
    return Resources(ram_gib=0.5 + batch_gib)


class MediaFamily(ConfigurableFamily, IterativeFamily, SelectiveFamily):
    """A family of nets that train in epochs, on one core or a share of a GPU."""

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    extra: ClassVar[str] = "torch"
    preload: ClassVar[tuple[str, ...]] = ("torch", "safetensors.torch")
    fidelity: ClassVar[str] = "epochs"
    early_stopping = "staged"
    settings: ClassVar[Mapping[str, Any]] = {"max_epochs": 128}
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_epochs": Param("int", low=1, high=1_000_000),
    }

    @abstractmethod
    def macs_per_row(self, problem: ProblemInfo) -> float:
        """Multiply-adds of the smallest net for one row."""

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips data of which the folds cannot finish one epoch within half of the budget."""
        if problem.n_gpus or problem.time_s is None:
            return None
        epoch_s = self._epoch_s(problem)
        needed_s = epoch_s * problem.n_folds / max(1, min(problem.n_cpus, problem.n_folds))
        if needed_s <= _BUDGET_SHARE * problem.time_s:
            return None
        return (
            f"one epoch over {problem.n_rows:,} rows takes about {epoch_s:.0f} s on a CPU core, "
            f"too long for {problem.n_folds} fold(s) in {problem.time_s:.0f} s: give it more time "
            "or a GPU"
        )

    def min_useful_fit_s(self, problem: ProblemInfo) -> float | None:
        """Ten epochs of the default net: shorter cycles of the learning rate are too coarse."""
        return USEFUL_EPOCHS * _DEFAULT_SIZE * self._epoch_s(problem)

    def _epoch_s(self, problem: ProblemInfo) -> float:
        speed = _GPU_FLOPS_PER_S if problem.n_gpus else _FLOPS_PER_S
        return _WORK_OF_A_WEIGHT * problem.n_rows * self.macs_per_row(problem) / speed

    def max_epochs(self, problem: ProblemInfo) -> int:
        """Largest number of epochs, from the settings."""
        return int(problem.settings["max_epochs"])

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes ``net.json`` and ``weights.safetensors``."""
        from automl_plugins.torch.media.fitted_net import MediaModel, save

        assert isinstance(model, MediaModel)
        save(model, path)
