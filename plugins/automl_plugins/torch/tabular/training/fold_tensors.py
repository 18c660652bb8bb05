"""Rows of folds on the device, from which each member of a pack takes its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from automl.plugin import Features, Fold, Matrix
from automl_plugins.torch.tabular.nets.embeddings import robust_centre_and_factor, scaled

__all__ = ["FoldInputs", "FoldTensors", "PackTensors", "fold_inputs", "split_columns"]


@dataclass(frozen=True, slots=True)
class FoldTensors:
    """Rows of one fold.

    Attributes:
        numeric: Scaled numbers, ``(n_rows, n_numeric)``.
        codes: Category codes, ``(n_rows, n_categorical)``, int64.
        target: Class indices or standardised values, ``(n_rows,)``; None to predict.
        weight: Row weights of mean 1, or None.
    """

    numeric: Tensor
    codes: Tensor
    target: Tensor | None = None
    weight: Tensor | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.numeric)


@dataclass(frozen=True, slots=True)
class FoldInputs:
    """Inputs of a fold on a device, and the scale of its numbers.

    Attributes:
        train, valid: Rows without targets.
        centre, factor: Results of ``robust_centre_and_factor``, on the CPU.
    """

    train: FoldTensors
    valid: FoldTensors
    centre: Tensor
    factor: Tensor


def fold_inputs(fold: Fold, device: torch.device) -> FoldInputs:
    """Scaled numbers and codes of a fold, cached in its memo for the next fit."""
    key = ("torch.inputs", str(device))
    if key not in fold.memo:
        fold.memo[key] = _on_cpu(fold) if device.type == "cpu" else _moved(fold, device)
    kept: FoldInputs = fold.memo[key]
    return kept


def _on_cpu(fold: Fold) -> FoldInputs:
    numeric, codes = split_columns(fold.X_train, fold.features)
    centre, factor = robust_centre_and_factor(numeric)
    valid_numeric, valid_codes = split_columns(fold.X_valid, fold.features)
    return FoldInputs(
        FoldTensors(scaled(numeric, centre, factor), codes),
        FoldTensors(scaled(valid_numeric, centre, factor), valid_codes),
        centre.clone(),  # not a view that keeps all quantiles in memory
        factor,
    )


def _moved(fold: Fold, device: torch.device) -> FoldInputs:
    inputs = fold_inputs(fold, torch.device("cpu"))
    train, valid = (
        FoldTensors(rows.numeric.to(device), rows.codes.to(device))
        for rows in (inputs.train, inputs.valid)
    )
    return FoldInputs(train, valid, inputs.centre, inputs.factor)


def split_columns(X: Matrix, features: Features) -> tuple[Tensor, Tensor]:
    """Numbers ``(n_rows, n_numeric)`` (float32) and codes ``(n_rows, n_categorical)`` (int64).

    Codes beyond the cardinality become 0, the code of unseen categories.
    """
    X = np.asarray(X, dtype=np.float32)
    categorical = list(features.categorical)
    numeric = np.delete(X, categorical, axis=1) if categorical else np.array(X)
    codes = X[:, categorical]
    known = (codes >= 0) & (codes < np.array(features.cardinalities, dtype=np.float32))
    codes = np.where(known, codes, 0).astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(numeric)), torch.from_numpy(codes)


class PackTensors:
    """Concatenated rows of several folds, with the start of each member's rows.

    Args:
        parts: Rows of each member's fold, on one device; identical objects are stored once.
    """

    def __init__(self, parts: Sequence[FoldTensors]) -> None:
        distinct = list({id(part): part for part in parts}.values())
        ends = np.cumsum([len(part) for part in distinct])
        starts = {id(p): int(end) - len(p) for p, end in zip(distinct, ends, strict=True)}
        device = parts[0].numeric.device
        self.n_rows = [len(part) for part in parts]
        self._start = torch.tensor([[starts[id(part)]] for part in parts], device=device)
        self._numeric = _joined([part.numeric for part in distinct])
        self._codes = _joined([part.codes for part in distinct])
        self._target = _joined([p.target for p in distinct if p.target is not None])
        weights = [part.weight for part in distinct]
        if any(weight is not None for weight in weights):
            ones = (torch.ones(len(part), device=device) for part in distinct)
            weights = [o if w is None else w for w, o in zip(weights, ones, strict=True)]
        self._weight = _joined([weight for weight in weights if weight is not None])

    def keep(self, members: Sequence[int]) -> None:
        """Drops all members but these, in their order."""
        self._start = self._start[torch.tensor(members, device=self._start.device)]
        self.n_rows = [self.n_rows[member] for member in members]

    def all_rows(self) -> Tensor:
        """Row numbers of each member, ``(n_members, n)``; short ones repeat their last row."""
        last = torch.tensor(self.n_rows, device=self._start.device)[:, None] - 1
        count = torch.arange(max(self.n_rows), device=self._start.device)
        return torch.minimum(count, last.clamp_min(0))

    def inputs(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers and codes of rows ``(n_members, n)`` of each member."""
        place = (index + self._start).flatten()
        return self._rows(self._numeric, place, index), self._rows(self._codes, place, index)

    def target(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Targets and weights of rows ``(n_members, n)`` of each member."""
        place = (index + self._start).flatten()
        weight = self._weight
        if not len(weight):
            return self._rows(self._target, place, index), None
        return self._rows(self._target, place, index), self._rows(weight, place, index)

    @staticmethod
    def _rows(values: Tensor, place: Tensor, index: Tensor) -> Tensor:
        return values.index_select(0, place).view(*index.shape, *values.shape[1:])


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Concatenates tensors; returns a single one unchanged, and an empty tensor for none."""
    if len(parts) == 1:
        return parts[0]
    return torch.cat(list(parts)) if parts else torch.empty(0)
