"""Small tables, built by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode import fit_encoder
from automl.data.table import Column, Table
from automl.plugin import ColumnKind, Encoding, Task

STORAGE = {
    ColumnKind.NUMERIC: pa.float64(),
    ColumnKind.BOOLEAN: pa.float64(),
    ColumnKind.CATEGORICAL: pa.dictionary(pa.int32(), pa.string()),
    ColumnKind.DATETIME: pa.timestamp("us"),
    ColumnKind.TEXT: pa.string(),
}


@pytest.fixture
def table():
    """Makes a table of (kind, values) pairs; None is a missing value."""

    def make(*columns):
        data, described = {}, []
        for i, (kind, values) in enumerate(columns):
            kind = ColumnKind(kind)
            stored = pa.array(list(values), type=pa.string() if kind == "categorical" else None)
            if kind is ColumnKind.CATEGORICAL:
                stored = stored.dictionary_encode()
            data[f"c{i}"] = stored.cast(STORAGE[kind])
            described.append(Column(f"c{i}", f"name {i}", 0, kind, "by hand"))
        return Table(pa.table(data), tuple(described))

    return make


@pytest.fixture
def fit():
    """Fits an encoder with the dull arguments filled in."""

    def fit_(table, view=None, rows=None, y=None, task=Task.BINARY, n_classes=2, **kw):
        rows = np.arange(table.n_rows) if rows is None else np.asarray(rows)
        y = np.arange(table.n_rows) % 2 if y is None else np.asarray(y)
        kw = {"kinds": frozenset(ColumnKind), "seed": 0} | kw
        return fit_encoder(
            table, rows, y, task=task, n_classes=n_classes, encoding=view or Encoding(), **kw
        )

    return fit_


@pytest.fixture
def mixed():
    """Makes columns of every kind, with missing values, from a seed."""
    return _mixed


def _mixed(seed, n_rows=120):
    rng = np.random.default_rng(seed)

    def holes(values):
        return [None if rng.random() < 0.1 else v for v in values]

    start = dt.datetime(2020, 1, 1)
    words = [f"w{i}" for i in range(30)]
    return (
        ("numeric", holes(rng.normal(size=n_rows).tolist())),
        ("boolean", holes(rng.integers(0, 2, n_rows).astype(float).tolist())),
        ("categorical", holes(rng.choice(["x", "y", "z"], n_rows).tolist())),
        ("categorical", holes([f"v{v}" for v in rng.integers(0, 30, n_rows)])),
        (
            "datetime",
            holes([start + dt.timedelta(hours=int(h)) for h in rng.integers(0, 9**5, n_rows)]),
        ),
        ("text", holes([" ".join(rng.choice(words, 6)) for _ in range(n_rows)])),
    )
