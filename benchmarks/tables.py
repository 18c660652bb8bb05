"""Tables of a catalog, divided into rows to learn from and rows to test on."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "MISSING",
    "Entry",
    "divide",
    "kept_parts",
    "read_catalog",
    "read_table",
    "write_parts",
]

TEST_SHARE = 0.25
MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
"""Texts of a target that stand for no value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One table of a catalog.

    Attributes:
        name: Of the table.
        file: A CSV file, or TSV; may be compressed.
        target: The column to predict.
        task: ``binary``, ``multiclass`` or ``regression``.
        test: A CSV file with the rows to test on, if the catalog has a column ``test``: ``file``
            then holds the rows to learn from, whatever the seed. None to divide the rows.
    """

    name: str
    file: Path
    target: str
    task: str
    test: Path | None = None


def read_catalog(path: Path, only: Sequence[str] = ()) -> list[Entry]:
    """Reads a CSV with the columns name, file (relative to it), target, task and perhaps test.

    Args:
        path: The catalog.
        only: Names to keep; all when empty.

    Raises:
        SystemExit: A name is not in the catalog, or a column is missing.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    lacking = [c for c in ("name", "file", "target", "task") if c not in rows.columns]
    if lacking:
        raise SystemExit(f"{path} has no column {', '.join(lacking)}")
    records: list[dict[Any, Any]] = rows.to_dict("records")
    entries = [
        Entry(
            row["name"],
            path.parent / row["file"],
            row["target"],
            row["task"],
            path.parent / row["test"] if row.get("test") else None,
        )
        for row in records
    ]
    unknown = set(only) - {entry.name for entry in entries}
    if unknown:
        raise SystemExit(f"{path} has no table {', '.join(sorted(unknown))}")
    return [entry for entry in entries if not only or entry.name in only]


def read_table(entry: Entry) -> pd.DataFrame:
    """Reads a table with every value as its text; rows without a target are left out."""
    separator = "\t" if ".tsv" in entry.file.name else ","
    table = pd.read_csv(entry.file, dtype=str, keep_default_na=False, sep=separator)
    return table[~table[entry.target].isin(MISSING)].reset_index(drop=True)


def divide(
    target: Sequence[str],
    is_classification: bool,
    seed: int,
    name: str = "",
    *,
    share: float = TEST_SHARE,
) -> tuple[np.ndarray, np.ndarray]:
    """Divides rows, by default three parts to learn from and one to test on.

    Of each class this share goes to the test; where that is not a whole number the fractions are
    dealt by chance so that the total comes out right. A class of one row is only learnt from.

    Args:
        target: The target of each row.
        is_classification: Whether to divide within the classes.
        seed: Of the division.
        name: Of the table: another table is divided by other draws.
        share: Of the rows to test on.

    Returns:
        Row numbers to learn from and to test on, each sorted.
    """
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = np.asarray(target)
    labels = np.unique(values, return_inverse=True)[1] if is_classification else values != values
    tested: list[np.ndarray] = []
    owed = random.uniform()  # carried from class to class: the total is right within one row
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        if is_classification and len(rows) == 1:
            continue
        owed += share * len(rows)
        n_test = min(int(owed), len(rows) - 1)
        owed -= int(owed)
        tested.append(rows[:n_test])
    test = np.sort(np.concatenate(tested)) if tested else np.empty(0, dtype=np.int64)
    train = np.setdiff1d(np.arange(len(values)), test)
    return train, test


def write_parts(entry: Entry, seed: int, folder: Path) -> tuple[Path, Path]:
    """Writes ``train.csv`` and ``test.csv``, values copied as text; returns their paths."""
    table = read_table(entry)
    parts = divide(table[entry.target].tolist(), entry.task != "regression", seed, entry.name)
    paths = folder / "train.csv", folder / "test.csv"
    for rows, path in zip(parts, paths, strict=True):
        table.iloc[rows].to_csv(path, index=False)
    return paths


def kept_parts(entry: Entry, seed: int, folder: Path) -> tuple[Path, Path, Path]:
    """Divides a table unless it is divided already.

    Args:
        entry: The table; its own test rows are used if it has them.
        seed: Of the division.
        folder: Where parts are kept.

    Returns:
        Paths of the rows to learn from, of those to score, and of the latter without the target.
    """
    place = folder / entry.name / str(seed)
    if not place.exists():
        draft = place.with_name(f"{seed}.draft")
        draft.mkdir(parents=True, exist_ok=True)
        if entry.test is None:
            write_parts(entry, seed, draft)
        else:
            read_table(entry).to_csv(draft / "train.csv", index=False)
            read_table(replace(entry, file=entry.test)).to_csv(draft / "test.csv", index=False)
        rows = pd.read_csv(draft / "test.csv", dtype=str, keep_default_na=False)
        rows.drop(columns=entry.target).to_csv(draft / "questions.csv", index=False)
        draft.rename(place)  # all three files or none
    return place / "train.csv", place / "test.csv", place / "questions.csv"
