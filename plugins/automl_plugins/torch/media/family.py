"""What the families of nets of images, sequences and texts have in common; no library loads."""

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
    Resources,
    SelectiveFamily,
    Shape,
    Suggest,
    Task,
)

__all__ = ["MediaFamily", "core_or_quarter", "default_epochs", "suggest_training"]

_FLOPS_PER_S = 2e10  # of one CPU core in training: a cautious estimate
_GPU_FLOPS_PER_S = 1e12
_WORK_OF_A_WEIGHT = 6.0  # floating-point operations, forwards and backwards
_BUDGET_SHARE = 0.5  # of the budget, in which all folds must see one epoch


_BATCH_SIZES = (16, 32, 64, 128, 256)
FEWEST_EPOCHS = 12
USEFUL_EPOCHS = 10
_DEFAULT_SIZE = 3.0  # products of the default net, in those of the smallest


def default_epochs(n_rows: int, n_seen: int, most: int) -> int:
    """Epochs in which so many rows are seen, repeats counted; at least twelve.

    Args:
        n_rows: Rows of the table.
        n_seen: Rows to see in all epochs together.
        most: The most epochs, for few rows.
    """
    return max(FEWEST_EPOCHS, min(most, n_seen // max(1, n_rows)))


def suggest_training(suggest: Suggest, epochs: tuple[int, int]) -> dict[str, Any]:
    """Length and steps of training, as all nets but those of images have them.

    Args:
        suggest: Proposes.
        epochs: The fewest and the most.
    """
    return {
        "epochs": suggest.suggest_int("epochs", *epochs, log=True),
        "batch_size": suggest.suggest_categorical("batch_size", _BATCH_SIZES),
        "lr": suggest.suggest_float("lr", 5e-4, 2e-2, log=True),
        "weight_decay": suggest.suggest_float("weight_decay", 1e-3, 0.3, log=True),
        "label_smoothing": suggest.suggest_categorical("label_smoothing", [0.0, 0.1]),
    }


def core_or_quarter(shape: Shape, batch_gib: float, *, host_gib: float = 1.5) -> Resources:
    """One core, or a quarter of a GPU where there is one.

    Args:
        shape: The problem.
        batch_gib: What a step of training holds.
        host_gib: Memory beside a GPU.
    """
    if shape.n_gpus:
        return Resources(ram_gib=host_gib, n_gpus=0.25, vram_gib=1.0 + batch_gib)
    return Resources(ram_gib=0.5 + batch_gib)


class MediaFamily(ConfigurableFamily, IterativeFamily, SelectiveFamily):
    """A family of nets that train in epochs, on one core or on a part of a GPU."""

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
    def products(self, shape: Shape) -> float:
        """Products of a weight and a value that the smallest net takes for one row."""

    def accepts(self, shape: Shape) -> str | None:
        """Refuses data of which the folds do not see one epoch within half of the budget."""
        if shape.n_gpus or shape.time_s is None:
            return None
        epoch_s = self._epoch_s(shape)
        needed_s = epoch_s * shape.n_folds / max(1, min(shape.n_cpus, shape.n_folds))
        if needed_s <= _BUDGET_SHARE * shape.time_s:
            return None
        return (
            f"one epoch over {shape.n_rows:,} rows takes about {epoch_s:.0f} s on a CPU core, too "
            f"long for {shape.n_folds} fold(s) in {shape.time_s:.0f} s: give it more time or a GPU"
        )

    def useful_s(self, shape: Shape) -> float | None:
        """Ten epochs of the default net: a cycle of the learning rate in fewer is too coarse."""
        return USEFUL_EPOCHS * _DEFAULT_SIZE * self._epoch_s(shape)

    def _epoch_s(self, shape: Shape) -> float:
        speed = _GPU_FLOPS_PER_S if shape.n_gpus else _FLOPS_PER_S
        return _WORK_OF_A_WEIGHT * shape.n_rows * self.products(shape) / speed

    def max_epochs(self, shape: Shape) -> int:
        """The most epochs, by the settings."""
        return int(shape.settings["max_epochs"])

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes ``net.json`` and ``weights.safetensors``."""
        from automl_plugins.torch.media.fitted_net import FittedNet, save

        assert isinstance(model, FittedNet)
        save(model, path)
