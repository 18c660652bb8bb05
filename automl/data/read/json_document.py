"""Reads a file that is one JSON value: an array of objects, or an object that holds the rows."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from automl.errors import DataError

__all__ = ["read_document", "table_of_rows"]

LARGEST_MIB = 256
"""Size up to which a file is parsed whole, which takes several times as much memory."""
DEEPEST_LIST = 4
"""Levels of objects in which the list of rows is looked for, as in the answers of web services."""
_LINES = (
    "Write JSON Lines, one object per line (pandas: to_json(path, orient='records', lines=True))"
)


def read_document(
    opened: Callable[[], BinaryIO], path: Path
) -> tuple[pa.Table, tuple[str, ...]] | None:
    """Reads the rows of a JSON value.

    These are understood: an array of objects; an object that holds one list of objects, in it or
    deeper; and objects by column as pandas writes them (``orient`` of columns and split).

    Args:
        opened: Opens the decompressed bytes from the start.
        path: Path of the file, for messages.

    Returns:
        The table, and notes; None if the value is an object that holds no rows.

    Raises:
        DataError: The file is not valid JSON, too large, or holds several lists of objects.
    """
    with opened() as file:
        content = file.read((LARGEST_MIB << 20) + 1)
    if len(content) > LARGEST_MIB << 20:
        raise DataError(f"{path}: it is one JSON value of over {LARGEST_MIB} MiB. {_LINES}")
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(f"{path}: it is not UTF-8. Save it in UTF-8") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: {error.msg}. {_LINES}") from None
    if isinstance(value, list):
        return _of_objects(value, path), ()
    if (columns := _columns(value)) is not None:
        return pa.table({name: _one_type(values) for name, values in columns.items()}), ()
    lists = _lists_of_objects(value)
    if not lists:
        return None
    if len(lists) > 1:
        raise DataError(
            f"{path}: it is one JSON object with {len(lists)} lists of objects: "
            f"{', '.join(map(repr, lists))}. Save one of them as JSON Lines, one object per line"
        )
    ((name, rows),) = lists.items()
    return _of_objects(rows, path), (f"{path.name}: the rows are the list {name!r} in it",)


def table_of_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Objects as a table: a key that one lacks is missing, columns of mixed types become texts."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _one_type([row.get(name) for row in rows]) for name in names})


def _of_objects(rows: Sequence[Any], path: Path) -> pa.Table:
    odd = next((i for i, row in enumerate(rows) if not isinstance(row, dict)), None)
    if odd is not None:
        raise DataError(
            f"{path}: it is one JSON array whose item {odd + 1} is not an object. {_LINES}"
        )
    return table_of_rows(rows)


def _lists_of_objects(value: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists of objects that lie highest, by their keys joined with points."""
    level: dict[tuple[str, ...], Any] = {(str(key),): inner for key, inner in value.items()}
    for _ in range(DEEPEST_LIST):
        found = {
            ".".join(keys): inner
            for keys, inner in level.items()
            if isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner)
        }
        if found:
            return found
        level = {
            (*keys, str(key)): deeper
            for keys, inner in level.items()
            if isinstance(inner, dict)
            for key, deeper in inner.items()
        }
    return {}


def _columns(value: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """The columns of an object as pandas writes it; None if it is something else.

    Lists of only numbers may be series, in a file of one row.
    """
    names, rows = value.get("columns"), value.get("data")
    if (
        isinstance(names, list)
        and isinstance(rows, list)
        and set(value) <= {*("columns", "data", "index")}
    ):
        if any(not isinstance(row, list) or len(row) != len(names) for row in rows):
            return None
        return {str(name): [row[i] for row in rows] for i, name in enumerate(names)}
    parts = list(value.values())
    if len(parts) > 1 and all(isinstance(part, dict) for part in parts):
        keys = set(parts[0])
        if len(keys) > 1 and all(set(part) == keys for part in parts):
            order = list(parts[0])
            return {name: [part[key] for key in order] for name, part in value.items()}
    if len(parts) > 1 and all(isinstance(part, list) and len(part) > 1 for part in parts):
        cells = [cell for part in parts for cell in part]
        is_flat = not any(isinstance(cell, list | dict) for cell in cells)
        if is_flat and len(set(map(len, parts))) == 1 and any(isinstance(c, str) for c in cells):
            return dict(value)
    return None


def _one_type(values: list[Any]) -> pa.Array:
    types = {type(value) for value in values} - {type(None)}
    if len(types) < 2 or types == {int, float}:
        with contextlib.suppress(pa.ArrowException, OverflowError):
            return pa.array(values, from_pandas=True)
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pa.array(texts, pa.string())
