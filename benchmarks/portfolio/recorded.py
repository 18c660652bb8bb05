"""The recorded tables of this repository, one small file each in ``recorded/``.

    python -m benchmarks.portfolio.recorded --store measured

writes them from what ``collect`` has measured. Predictions are kept in half precision, those of
classes as logarithms of probabilities (log-odds with two classes), so that small ones stay exact;
values of a regression in units of the target's standard deviation. See ``recorded/README.md`` for
where the tables come from.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.portfolio.measured import FACTS, HEAD, Measured, MeasuredTable, read_table

__all__ = ["FOLDER", "read_recorded", "read_store", "write_recorded"]

FOLDER = Path(__file__).parent / "recorded"
LEAST = 1e-7  # smaller probabilities are kept as this one
SMALL = ("seconds", "encode_s", "scores", "size_mib", "predict_ms")


def read_store(folder: Path, only: Sequence[str] = ()) -> Iterator[MeasuredTable]:
    """Reads the tables of a folder of either form, one after the other."""
    for path in sorted([*folder.glob("*.npz"), *folder.glob("*/table.json")]):
        name = path.stem if path.suffix == ".npz" else path.parent.name
        if not only or name in only:
            yield read_recorded(path) if path.suffix == ".npz" else read_table(path.parent)


def write_recorded(path: Path, table: MeasuredTable) -> None:
    """Writes a table with all that was measured into one file."""
    fits = [*table.candidates.values(), *table.variants.values()]
    heads = [{name: asdict(m)[name] for name in HEAD} for m in fits]
    for head in heads:
        head["steps"] = [[(n, float(f"{s:.4g}")) for n, s in fold] for fold in head["steps"]]
    facts = {name: getattr(table, name) for name in FACTS}
    offset, scale = _scale(table)
    arrays: dict[str, NDArray[Any]] = {
        "head": np.array(json.dumps({"facts": facts, "fits": heads, "first": table.first})),
        "y": _least(table.y),
        "y_test": _least(table.y_test),
        "fold_of": table.fold_of.astype(np.int8),
        "small": np.concatenate(
            [np.concatenate([getattr(m, s) for s in SMALL]) for m in fits]
        ).astype(np.float32),
        "oof": np.stack([_packed(m.oof, offset, scale) for m in fits]),
        "test": np.stack([_packed(m.test, offset, scale) for m in fits]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read_recorded(path: Path) -> MeasuredTable:
    """Reads a table that ``write_recorded`` wrote."""
    with np.load(path) as file:
        values = dict(file)
    head = json.loads(str(values.pop("head")))
    y, y_test = (values[name].astype(_type_of(values[name])) for name in ("y", "y_test"))
    table = MeasuredTable(
        **head["facts"],
        y=y,
        y_test=y_test,
        fold_of=values["fold_of"].astype(np.int64),
        candidates={},
        first=tuple(head["first"]),
    )
    offset, scale = _scale(table)
    small, place = values["small"].astype(np.float64), 0
    for number, facts in enumerate(head["fits"]):
        n_folds = len(facts["steps"])
        parts = np.split(small[place : place + len(SMALL) * n_folds], len(SMALL))
        place += len(SMALL) * n_folds
        facts["steps"] = [[(step, score) for step, score in fold] for fold in facts["steps"]]
        values_of: dict[str, Any] = {**facts, **dict(zip(SMALL, parts, strict=True))}
        measured = Measured(
            **values_of,
            oof=_unpacked(values["oof"][number], table.n_classes, offset, scale),
            test=_unpacked(values["test"][number], table.n_classes, offset, scale),
        )
        kept = table.variants if measured.variant else table.candidates
        kept[measured.key if measured.variant else measured.name] = measured
    return table


def _scale(table: MeasuredTable) -> tuple[float, float]:
    """Mean and standard deviation of a numeric target; classes need none."""
    if table.n_classes:
        return 0.0, 1.0
    return float(np.mean(table.y)), float(np.std(table.y)) or 1.0


def _packed(values: NDArray[Any], offset: float, scale: float) -> NDArray[np.float16]:
    if values.ndim == 1:
        return np.asarray((values.astype(np.float64) - offset) / scale, dtype=np.float16)
    logs = np.log(np.maximum(values.astype(np.float64), LEAST))
    if values.shape[1] == 2:
        return np.asarray(logs[:, 1] - logs[:, 0], dtype=np.float16)
    return logs.astype(np.float16)


def _unpacked(
    values: NDArray[np.float16], n_classes: int, offset: float, scale: float
) -> NDArray[np.float32]:
    exact = values.astype(np.float64)
    if not n_classes:
        return (offset + scale * exact).astype(np.float32)
    if exact.ndim == 1:
        positive = 1.0 / (1.0 + np.exp(-exact))
        return np.column_stack([1.0 - positive, positive]).astype(np.float32)
    found = np.exp(exact)
    return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float32)


def _least(y: NDArray[Any]) -> NDArray[Any]:
    """The smallest type that keeps a target."""
    if np.issubdtype(y.dtype, np.integer) and y.min() >= 0 and y.max() < 128:
        return y.astype(np.int8)
    return y


def _type_of(y: NDArray[Any]) -> Any:
    return np.int64 if y.dtype == np.int8 else y.dtype


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes every table of a store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="what collect has written")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    for table in read_store(options.store):
        write_recorded(options.folder / f"{table.name}.npz", table)


if __name__ == "__main__":
    main()
