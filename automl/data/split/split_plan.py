"""The split plan as a value, and on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automl.data.table import IntArray
from automl.errors import RunError
from automl.store.files import read_json, write_array, write_json, write_whole

__all__ = ["ALL_ROWS", "Division", "SplitPlan", "load_split_plan", "save_split_plan"]

ALL_ROWS = -1
"""In place of a fold number: all rows are training rows and none is left for validation.

Lower numbers are further fits of all rows, with other seeds.
"""

INDEX_FILE, META_FILE = "indices.npy", "plan.json"
EXCHANGEABLE_KINDS = frozenset({"stratified", "plain", "holdout"})


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """One train/validation division: row numbers, ascending, without a common row."""

    train: IntArray
    valid: IntArray


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """All divisions of a run.

    Attributes:
        kind: ``given`` (the user's folds), ``time`` (training rows lie before validation rows),
            ``group`` (no group on both sides), ``stratified``, ``plain`` or ``holdout``.
        divisions: One per fold; the folds of a repeat follow those of the repeat before.
        reason: What was chosen and why, in words.
        n_rows: Rows of the data set.
        newest: Rows that the model that predicts in the end may learn from, ascending, where these
            are the last window of time alone; None for all rows.
    """

    kind: str
    divisions: tuple[Division, ...]
    reason: str
    n_rows: int
    newest: IntArray | None = None

    @property
    def n_folds(self) -> int:
        """Number of divisions, over all repeats."""
        return len(self.divisions)

    @property
    def exchangeable(self) -> bool:
        """Whether any row may stand for any other: no groups, times or given folds part them."""
        return self.kind in EXCHANGEABLE_KINDS

    @cached_property
    def repeats(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the divisions of each repeat; within one no row is validated twice."""
        repeats: list[list[int]] = []
        seen = np.zeros(self.n_rows, dtype=np.bool_)
        for number, division in enumerate(self.divisions):
            if not repeats or seen[division.valid].any():
                repeats.append([])
                seen[:] = False
            seen[division.valid] = True
            repeats[-1].append(number)
        return tuple(map(tuple, repeats))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the row numbers of all divisions, in hexadecimal."""
        sha = hashlib.sha256(f"{self.n_rows}".encode())
        for part in self._parts:
            sha.update(f"/{len(part)}:".encode())
            sha.update(np.ascontiguousarray(part, dtype="<i8").data)
        return sha.hexdigest()

    @property
    def _parts(self) -> list[IntArray]:
        parts = [part for d in self.divisions for part in (d.train, d.valid)]
        return parts if self.newest is None else [*parts, self.newest]

    @cached_property
    def fold_of_row(self) -> NDArray[np.int64]:
        """Number of the first division that validates each row, ``(n_rows,)``; -1 for none."""
        fold = np.full(self.n_rows, -1, dtype=np.int64)
        for number in reversed(range(self.n_folds)):
            fold[self.divisions[number].valid] = number
        return fold

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """True for the rows that get an out-of-fold prediction, ``(n_rows,)``."""
        mask = np.zeros(self.n_rows, dtype=np.bool_)
        for division in self.divisions:
            mask[division.valid] = True
        return mask


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
    write_whole(folder / INDEX_FILE, lambda file: write_array(file, indices))
    write_json(folder / META_FILE, meta)


def load_split_plan(folder: Path) -> SplitPlan:
    """Reads a plan; row numbers stay on disk, mapped into memory.

    Raises:
        RunError: A file is missing or damaged, or does not match the digest; it is named.
    """
    meta = read_json(folder / META_FILE)
    path = folder / INDEX_FILE
    try:
        indices = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        parts = np.split(indices, np.cumsum(meta["lengths"])[:-1])
        newest = parts.pop() if len(parts) % 2 else None
        divisions = tuple(Division(*pair) for pair in zip(parts[::2], parts[1::2], strict=True))
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
