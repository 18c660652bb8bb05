"""The split plan: the value, and how it is saved and loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from automl.data.table import BoolArray, IntArray
from automl.errors import RunError
from automl.store.files import read_json, write_array, write_atomic, write_json

__all__ = ["ALL_ROWS", "Split", "SplitPlan", "load_split_plan", "save_split_plan"]

ALL_ROWS = -1
"""A fold number that means training on all rows, without validation rows.

Lower numbers are further fits on all rows, with other seeds.
"""

INDEX_FILE, META_FILE = "indices.npy", "plan.json"
EXCHANGEABLE_KINDS = frozenset({"stratified", "plain", "holdout"})


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Training and validation rows of one fold: disjoint row numbers, ascending."""

    train: IntArray
    valid: IntArray


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """All folds of a run.

    Attributes:
        kind: ``given`` (the user's folds), ``time`` (training rows lie before validation rows),
            ``group`` (no group on both sides), ``stratified``, ``plain`` or ``holdout``.
        splits: One per fold, ordered by repeat.
        reason: The choice and its reason, as text.
        n_rows: Number of rows of the data set.
        newest: Rows of the last time window, ascending, on which refits train; None for all rows.
    """

    kind: str
    splits: tuple[Split, ...]
    reason: str
    n_rows: int
    newest: IntArray | None = None

    @property
    def n_folds(self) -> int:
        """Number of folds, over all repeats."""
        return len(self.splits)

    @property
    def exchangeable(self) -> bool:
        """Whether rows are exchangeable: no groups, times or given folds separate them."""
        return self.kind in EXCHANGEABLE_KINDS

    @cached_property
    def repeats(self) -> tuple[tuple[int, ...], ...]:
        """Fold numbers of each repeat; within a repeat no row is validated twice."""
        repeats: list[list[int]] = []
        seen = np.zeros(self.n_rows, dtype=np.bool_)
        for number, division in enumerate(self.splits):
            if not repeats or seen[division.valid].any():
                repeats.append([])
                seen[:] = False
            seen[division.valid] = True
            repeats[-1].append(number)
        return tuple(map(tuple, repeats))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the row numbers of all folds, in hexadecimal."""
        sha = hashlib.sha256(f"{self.n_rows}".encode())
        for part in self._parts:
            sha.update(f"/{len(part)}:".encode())
            sha.update(np.ascontiguousarray(part, dtype="<i8").data)
        return sha.hexdigest()

    @property
    def _parts(self) -> list[IntArray]:
        parts = [part for d in self.splits for part in (d.train, d.valid)]
        return parts if self.newest is None else [*parts, self.newest]

    @cached_property
    def fold_of_row(self) -> IntArray:
        """Number of the first fold that validates each row, ``(n_rows,)``; -1 for none."""
        fold = np.full(self.n_rows, -1, dtype=np.int64)
        for number in reversed(range(self.n_folds)):
            fold[self.splits[number].valid] = number
        return fold

    @cached_property
    def covered(self) -> BoolArray:
        """True for the rows that get an out-of-fold prediction, ``(n_rows,)``."""
        return self.fold_of_row >= 0


def save_split_plan(plan: SplitPlan, folder: Path) -> None:
    """Writes a plan as ``indices.npy`` and, last, ``plan.json``."""
    parts = plan._parts
    meta = {
        "kind": plan.kind,
        "reason": plan.reason,
        "n_rows": plan.n_rows,
        "lengths": [len(part) for part in parts],
        "digest": plan.digest,
    }
    indices = np.concatenate(parts).astype(np.int64)
    write_atomic(folder / INDEX_FILE, lambda file: write_array(file, indices))
    write_json(folder / META_FILE, meta)


def load_split_plan(folder: Path) -> SplitPlan:
    """Reads a plan; row numbers are memory-mapped.

    Raises:
        RunError: A file is missing or damaged, or does not match the digest; the message names
            it.
    """
    meta = read_json(folder / META_FILE)
    path = folder / INDEX_FILE
    try:
        indices = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        parts = np.split(indices, np.cumsum(meta["lengths"])[:-1])
        newest = parts.pop() if len(parts) % 2 else None
        divisions = tuple(Split(*pair) for pair in zip(parts[::2], parts[1::2], strict=True))
        kind, reason, n_rows = str(meta["kind"]), str(meta["reason"]), int(meta["n_rows"])
        plan = SplitPlan(kind, divisions, reason, n_rows, newest)
        digest = str(meta["digest"])
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run has no split plan") from None
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise RunError(f"{path} or {META_FILE} is damaged: {error!r}") from None
    if plan.digest != digest:
        raise RunError(f"{path} does not match the digest in {META_FILE}: it was changed")
    return plan
