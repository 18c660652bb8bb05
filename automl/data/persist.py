"""Saves and opens a data set on disk; all workers map the same copy into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.columns.media import row_digests
from automl.data.numbers import NumberForm
from automl.data.options import FIRST_NULL_TEXTS, NULL_TEXTS
from automl.data.table import Column, Dataset, Table, Target
from automl.errors import RunError
from automl.plugin.task import ColumnKind, Task
from automl.store.files import read_json, write_array, write_atomic, write_json

__all__ = ["fingerprint", "open_dataset", "read_schema", "read_vocabulary", "save_dataset"]

TABLE_FILE = "table.arrow"
SCHEMA_FILE = "schema.json"
TUPLES = ("examples", "shape", "channels", "misfits")
COLUMN_FIELDS = tuple(field.name for field in fields(Column))
ARRAYS = ("y", "weight", "group", "time", "fold")


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Writes a data set into a new folder; the schema is written last and marks it complete."""
    table = dataset.table.data.combine_chunks()
    options = pa.ipc.IpcWriteOptions(compression=None)

    def write_table(file: Any) -> None:
        with pa.ipc.new_file(file, table.schema, options=options) as writer:
            writer.write_table(table)

    write_atomic(folder / TABLE_FILE, write_table)
    for name in ARRAYS:
        array = getattr(dataset, name)
        path = folder / f"{name}.npy"
        if array is None:
            path.unlink(missing_ok=True)
        else:
            write_atomic(path, partial(write_array, array=array))
    schema = {
        "columns": [_written_column(column) for column in dataset.table.columns],
        "target": _written(dataset.target),
        "n_rows": dataset.table.n_rows,
        "n_dropped": dataset.n_dropped,
        "n_weightless": dataset.n_zero_weight,
        "vocabulary": list(NULL_TEXTS),
    }
    write_json(folder / SCHEMA_FILE, schema, is_long=True)


def _written_column(column: Column) -> dict[str, Any]:
    """What ``asdict`` gives, without its copy of each value."""
    written = {name: getattr(column, name) for name in COLUMN_FIELDS}
    return written | {"form": column.form and _written_form(column.form)}


@cache
def _written_form(form: NumberForm) -> dict[str, Any]:
    return asdict(form)


def _written(target: Target) -> dict[str, Any]:
    """The target as JSON values, without ``offset`` if that is 0."""
    return {name: value for name, value in asdict(target).items() if name != "offset" or value}


def open_dataset(folder: Path) -> Dataset:
    """Maps a saved data set into memory: nothing is copied, arrays are read-only.

    Raises:
        RunError: One of its files is missing or damaged.
    """
    schema = read_json(folder / SCHEMA_FILE)
    columns, target = _parsed(schema, folder)
    path = folder / TABLE_FILE
    try:
        data = pa.ipc.open_file(pa.memory_map(str(path), "rb")).read_all()
    except FileNotFoundError:
        raise RunError(f"{path} is missing: the run is not complete") from None
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    arrays: dict[str, Any] = {name: _array(folder, name) for name in ARRAYS}
    y = arrays["y"]
    if y is None:
        raise RunError(f"{folder / 'y.npy'} is missing: the run is not complete")
    if target.n_classes and len(y) and not 0 <= y.min() <= y.max() < target.n_classes:
        raise RunError(f"{folder / 'y.npy'} is damaged: it holds unknown class numbers")
    return Dataset(
        table=Table(data=data, columns=columns),
        target=target,
        **arrays,
        n_dropped=int(schema["n_dropped"]),
        n_zero_weight=int(schema.get("n_weightless", 0)),
    )


def read_schema(folder: Path) -> tuple[tuple[Column, ...], Target]:
    """Reads the columns and the target of a saved dataset.

    Raises:
        RunError: The schema is missing or damaged.
    """
    return _parsed(read_json(folder / SCHEMA_FILE), folder)


def _parsed(schema: Mapping[str, Any], folder: Path) -> tuple[tuple[Column, ...], Target]:
    try:
        columns = tuple(map(_column, schema["columns"]))
        written = schema["target"]
        typed = {"task": Task(written["task"]), "classes": tuple(written["classes"])}
        target = Target(**written | typed | {"quantiles": tuple(written.get("quantiles", ()))})
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder / SCHEMA_FILE} is damaged: {error!r}") from None
    return columns, target


def _column(written: Mapping[str, Any]) -> Column:
    form = written.get("form")
    typed: dict[str, Any] = {key: tuple(written.get(key, ())) for key in TUPLES}
    typed["kind"] = ColumnKind(written["kind"])
    typed["form"] = None if form is None else NumberForm(**form)
    return Column(**{**written, **typed})


def read_vocabulary(folder: Path) -> tuple[str, ...]:
    """Reads the texts that meant a missing value by default when a data set was saved.

    Raises:
        RunError: The schema is missing or damaged.
    """
    return tuple(read_json(folder / SCHEMA_FILE).get("vocabulary", FIRST_NULL_TEXTS))


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 of the names, kinds and values of a data set, as 64 hexadecimal digits.

    It does not depend on how the data is chunked or stored.
    """
    digest = hashlib.sha256()
    for column in dataset.table.used:
        digest.update(repr((column.name, column.occurrence, str(column.kind))).encode())
        _digest_array(digest, dataset.table.data.column(column.key).combine_chunks())
    target = dataset.target
    labels = target.classes or target.quantiles
    digest.update(repr((target.name, target.task, labels)).encode())
    for name in ARRAYS:
        array = getattr(dataset, name)
        if array is not None:
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _digest_array(digest: Any, array: pa.Array) -> None:
    digest.update(array.is_valid().to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_fixed_size_binary(array.type) or pa.types.is_large_list(array.type):
        digest.update(row_digests(array).tobytes())
    elif pa.types.is_dictionary(array.type):
        digest.update(array.indices.fill_null(-1).to_numpy().tobytes())
        _digest_array(digest, array.dictionary)
    elif pa.types.is_string(array.type):
        filled = pa.concat_arrays([array.fill_null("")])
        for text in filled.to_pylist():
            digest.update(len(text).to_bytes(8, "little"))
            digest.update(text.encode())
    else:
        whole = array.cast(pa.int64()) if pa.types.is_timestamp(array.type) else array
        digest.update(whole.fill_null(0).to_numpy().tobytes())


def _array(folder: Path, name: str) -> NDArray[Any] | None:
    path = folder / f"{name}.npy"
    if not path.exists():
        return None
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    return array
