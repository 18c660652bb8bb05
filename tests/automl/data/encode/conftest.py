"""Small tables, built by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode import fit_encoder
from automl.data.table import Column, Table
from automl.plugin import ColumnKind, Task, View

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
            table, rows, y, task=task, n_classes=n_classes, view=view or View(), **kw
        )

    return fit_
