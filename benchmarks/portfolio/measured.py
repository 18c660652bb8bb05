"""What was measured of candidates on a table: predictions, seconds, scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Measured",
    "MeasuredTable",
    "end_first_round",
    "read_table",
    "write_candidate",
    "write_table",
]


@dataclass(frozen=True, slots=True)
class Measured:
    """One candidate on one table.

    Attributes:
        name, family: Of the candidate.
        params: Of the candidate.
        variant: "" for its first fits; ``seed-1`` for the same folds with another seed,
            ``repeat-1`` for another division of the rows into folds.
        oof: Predictions of the rows to learn from, each by a model that did not see it,
            ``(n_rows, n_classes)`` or ``(n_rows,)``; NaN where there is none.
        test: Mean prediction of all fold models for the test rows, of the same form.
        seconds: CPU seconds of fitting, predicting and saving in one thread, by fold,
            ``(n_folds,)``.
        encode_s: CPU seconds of encoding the fold, 0 where an earlier candidate had encoded it.
        scores: By fold, in the metric's direction, ``(n_folds,)``; as a search compares them when
            the fold is done.
        size_mib, predict_ms: Of the model of each fold, ``(n_folds,)``; milliseconds are those of
            encoding and predicting 1,000 rows.
        steps: Reports of each fit, as step and score; thinned.
    """

    name: str
    family: str
    params: dict[str, Any]
    oof: NDArray[np.float32]
    test: NDArray[np.float32]
    seconds: NDArray[np.float64]
    scores: NDArray[np.float64]
    size_mib: NDArray[np.float64]
    predict_ms: NDArray[np.float64]
    encode_s: NDArray[np.float64]
    steps: list[list[tuple[int, float]]]
    variant: str = ""

    @property
    def key(self) -> str:
        """Of the file: the name, with the variant."""
        return f"{self.name}@{self.variant}" if self.variant else self.name


@dataclass(frozen=True, slots=True)
class MeasuredTable:
    """A table with what was measured on it.

    Attributes:
        name, task, metric: Of the table.
        n_rows, n_columns, n_categorical, n_classes: Its shape.
        share_s: Seconds that one fit was given.
        y, y_test: Targets, ``(n_rows,)`` and ``(n_test_rows,)``.
        fold_of: Number of the fold that validates each row, ``(n_rows,)``.
        candidates: By name.
        variants: Further seeds and repeats of some candidates, by the key of their files.
        first: Names of the candidates among which those with variants were chosen, as the best:
            others, measured later, stand for what a search would go on with.
    """

    name: str
    task: str
    metric: str
    n_rows: int
    n_columns: int
    n_categorical: int
    n_classes: int
    share_s: float
    y: NDArray[Any]
    y_test: NDArray[Any]
    fold_of: NDArray[np.int64]
    candidates: dict[str, Measured]
    variants: dict[str, Measured] = field(default_factory=dict)
    first: tuple[str, ...] = ()


HEAD = ("name", "family", "params", "steps", "variant")
FIRST = "first.json"
FACTS = (
    *("name", "task", "metric", "n_rows", "n_columns", "n_categorical", "n_classes", "share_s"),
)


def write_table(folder: Path, table: MeasuredTable) -> None:
    """Writes a table without its candidates."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {name: getattr(table, name) for name in FACTS}
    np.savez(folder / "rows.npz", y=table.y, y_test=table.y_test, fold_of=table.fold_of)
    (folder / "table.json").write_text(json.dumps(facts), encoding="utf-8")


def write_candidate(folder: Path, measured: Measured) -> None:
    """Writes one candidate; its file appears whole."""
    values = asdict(measured)
    head = json.dumps({key: values.pop(key) for key in HEAD})
    draft = folder / f".{measured.key}.npz"
    np.savez(draft, head=np.array(head), **values)
    draft.rename(folder / f"{measured.key}.npz")


def read_table(folder: Path) -> MeasuredTable:
    """Reads a table with all its candidates.

    Raises:
        FileNotFoundError: Nothing was measured there.
    """
    facts = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    with np.load(folder / "rows.npz") as rows:
        arrays = dict(rows)
    found = list(_candidates(folder))
    return MeasuredTable(
        **facts,
        **arrays,
        candidates={m.name: m for m in found if not m.variant},
        variants={m.key: m for m in found if m.variant},
        first=_first(folder),
    )


def end_first_round(folder: Path, names: Sequence[str]) -> None:
    """Notes which candidates the first round had, those of ``names`` that are there; once."""
    if not _first(folder):
        there = [name for name in sorted(set(names)) if (folder / f"{name}.npz").exists()]
        (folder / FIRST).write_text(json.dumps(there), encoding="utf-8")


def _first(folder: Path) -> tuple[str, ...]:
    path = folder / FIRST
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else ()


def _candidates(folder: Path) -> Iterator[Measured]:
    for path in sorted(folder.glob("[!.]*-*.npz")):
        with np.load(path) as file:
            values = dict(file)
        yield Measured(**json.loads(str(values.pop("head"))), **values)
