"""Series put together from tables: from a row for each step, or from a column for each.

A series is a cell of type ``list<struct>``, with a field of the struct for each channel; a
``list`` of numbers, as data frames have it, is one of a single channel without a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.data.columns.kinds import infer_kind
from automl.data.columns.roles import complete_column, read_time
from automl.data.columns.values import as_kind, as_texts, distinct_texts
from automl.data.options import Reading
from automl.data.raw_table import RawTable, listed
from automl.data.table import IntArray
from automl.errors import DataError, MissingColumnError, did_you_mean
from automl.plugin.task import ColumnKind
from automl.surface import named

__all__ = ["SERIES_COLUMN", "from_long", "lists_of_steps", "with_facts", "with_wide"]

SERIES_COLUMN = "series"
FEWEST_WIDE_STEPS = 2


def from_long(raw: RawTable, series_id: str, step: str | None, channels: Sequence[str]) -> RawTable:
    """Makes a table with a row for each series of one with a row for each step.

    Numbers that change within a series are its channels. What does not change stays a column; a
    value that only some of the rows of a series have is that of all.

    Args:
        raw: A row for each step.
        series_id: Column that says which series a row is of.
        step: Column that orders the steps of a series; None for the order of the rows.
        channels: Columns that are channels; found out when empty.

    Returns:
        The series as the first column, in the order in which they begin.

    Raises:
        DataError: A row has no id or step, a step is there twice, or no number changes.
        MissingColumnError: Columns that are to be channels are not there.
    """
    missing = [name for name in channels if name not in raw.names]
    if missing:
        near = "".join(did_you_mean(name, raw.names) for name in missing[:3])
        raise MissingColumnError(
            f"{raw.where} lacks {listed(missing, at_most=50)}, which the steps of series need"
            f"{near or '.'} It has {listed(raw.names)}"
        )
    id_at = raw.position(series_id, named("series_id"))
    codes, ids = distinct_texts(as_texts(complete_column(raw, id_at, "id of the series")))
    series: IntArray = codes.to_numpy().astype(np.int64)
    step_at = None if step is None else raw.position(step, named("step"))
    order = _order(raw, series, ids, step_at)
    offsets = np.concatenate(([0], np.bincount(series).cumsum()))
    fields: dict[str, pa.Array] = {}
    names, columns = [], []
    for at, (name, column) in enumerate(zip(raw.names, raw.columns, strict=True)):
        if at in (id_at, step_at):
            continue
        same = None if name in channels else _one_a_series(column, order, offsets)
        if name in channels or (same is None and not channels and _is_number(column, raw)):
            fields[name] = as_kind(column, ColumnKind.NUMERIC, raw.reading).take(pa.array(order))
        else:
            names.append(name)
            columns.append(_left_as_lists(column, order, offsets) if same is None else same)
    if not fields:
        raise DataError(
            f"{raw.where}: no column of numbers changes within a series: does "
            f"{series_id!r} say which series a row is of?"
        )
    in_order = {name: fields[name] for name in channels or fields}
    return RawTable(
        names=(SERIES_COLUMN, *names),
        columns=(lists_of_steps(in_order, offsets), *columns),
        where=raw.where,
        reading=raw.reading,
        notes=raw.notes,
        folder=raw.folder,
        row_names=(series_id, ids),
    )


def with_facts(series: RawTable, facts: RawTable) -> RawTable:
    """Adds what another table says of each series; rows of series that are not there are left out.

    Args:
        series: As ``from_long`` made it.
        facts: A row for each series, with its id. A series of which it says nothing has missing
            values.

    Raises:
        DataError: It lacks the ids, has one of them twice, or no series of the data; or both
            tables have a column of one name.
    """
    assert series.row_names is not None  # the ids, by from_long
    id_column, ids = series.row_names
    id_at = facts.position(id_column, named("series_id"))
    codes, known = distinct_texts(as_texts(complete_column(facts, id_at, "id of the series")))
    rows = codes.to_numpy()
    twice = np.flatnonzero(np.bincount(rows) > 1)
    if len(twice):
        raise DataError(
            f"{facts.where} has the series {known[int(twice[0])].as_py()!r} twice: it needs "
            "one row for each"
        )
    row_of = np.empty(len(known), dtype=np.int64)
    row_of[rows] = np.arange(len(rows))
    places = pc.index_in(ids, known)
    if places.null_count == len(places):
        raise DataError(
            f"{facts.where} has none of the series of {series.where}, such as {ids[0].as_py()!r}; "
            f"its first is {known[0].as_py()!r}"
        )
    found = pa.array(row_of).take(places)
    kept = [at for at in range(len(facts.names)) if at != id_at]
    both = next((facts.names[at] for at in kept if facts.names[at] in series.names), None)
    if both is not None:
        raise DataError(f"{series.where} and {facts.where} both have a column {both!r}: drop one")
    return replace(
        series,
        names=(*series.names, *(facts.names[at] for at in kept)),
        columns=(*series.columns, *(facts.columns[at].take(found) for at in kept)),
        notes=(*series.notes, *facts.notes),
    )


def with_wide(raw: RawTable, prefixes: Sequence[str]) -> RawTable:
    """Adds a column of series to a table that has a column for each step.

    The columns of the steps stay as they are: other families learn from them one by one. Steps
    at the end of which no channel has a value are no steps: series may be of unequal length.

    Args:
        raw: A row for each series.
        prefixes: What the names of the columns of a channel have before the number of the step.

    Raises:
        DataError: There are no such columns, or channels have other steps.
    """
    found = {prefix: _numbered(raw, prefix) for prefix in prefixes}
    first = found[prefixes[0]]
    for prefix, steps in found.items():
        if steps.keys() != first.keys():
            odd = min(steps.keys() ^ first.keys())
            raise DataError(
                f"{raw.where}: the channels {prefixes[0]!r} and {prefix!r} of {named('wide')} have "
                f"other steps: only one of them has {odd}"
            )
    values = np.stack(
        [
            [_floats(raw.columns[steps[number]], raw.reading) for number in sorted(steps)]
            for steps in found.values()
        ],
        axis=-1,
    )  # (n_steps, n_rows, n_channels)
    is_step = np.isfinite(values).any(axis=-1).T  # (n_rows, n_steps)
    lengths = (is_step * np.arange(1, len(values) + 1)).max(axis=1)
    kept = np.arange(len(values)) < lengths[:, np.newaxis]
    steps_of_all = values.transpose(1, 0, 2)[kept]
    fields = {prefix: pa.array(steps_of_all[:, i]) for i, prefix in enumerate(prefixes)}
    series = lists_of_steps(fields, np.concatenate(([0], lengths.cumsum())))
    return replace(raw, names=(SERIES_COLUMN, *raw.names), columns=(series, *raw.columns))


def lists_of_steps(fields: dict[str, pa.Array], offsets: NDArray[np.int64]) -> pa.ChunkedArray:
    """Series of all steps one after another.

    Args:
        fields: Values of each channel by its name, ``(n_steps,)``.
        offsets: Where series begin and the last one ends, ``(n_series + 1,)``.
    """
    steps = pa.StructArray.from_arrays(
        [array.cast(pa.float64()) for array in fields.values()], names=list(fields)
    )
    series = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), steps)
    return pa.chunked_array([series])


def _order(raw: RawTable, series: IntArray, ids: pa.Array, step_at: int | None) -> IntArray:
    """The rows by series and step, ``(n_rows,)``.

    Raises:
        DataError: A step is missing, or there twice.
    """
    if step_at is None:
        return np.argsort(series, kind="stable")
    rank, _ = read_time(raw, step_at)
    order = np.lexsort((rank, series))
    twice = (np.diff(series[order]) == 0) & (np.diff(rank[order]) == 0)
    if twice.any():
        row = int(order[1:][twice][0])
        raise DataError(
            f"{raw.where}: series {ids[int(series[row])].as_py()!r} has the step "
            f"{raw.columns[step_at][row].as_py()!r} twice, the second time in row {raw.row(row)}"
        )
    return order


def _one_a_series(
    column: pa.ChunkedArray, order: IntArray, offsets: IntArray
) -> pa.ChunkedArray | None:
    """The value of each series, ``(n_series,)``; None where one has several."""
    if pa.types.is_nested(column.type):
        return None
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)[order]
    most = np.maximum.reduceat(codes, offsets[:-1])
    least = np.minimum.reduceat(np.where(codes < 0, len(codes), codes), offsets[:-1])
    if ((most >= 0) & (most != least)).any():
        return None
    values = encoded.dictionary.take(pa.array(most, mask=most < 0))
    is_category = pa.types.is_dictionary(column.type)
    return pa.chunked_array([values.dictionary_encode() if is_category else values])


def _is_number(column: pa.ChunkedArray, raw: RawTable) -> bool:
    guess = infer_kind(column, raw.reading)
    return not guess.left_out and guess.kind in (ColumnKind.NUMERIC, ColumnKind.BOOLEAN)


def _left_as_lists(column: pa.ChunkedArray, order: IntArray, offsets: IntArray) -> pa.ChunkedArray:
    """Texts that change within a series, as lists: of no use, and to be named as such."""
    texts = as_texts(column).take(pa.array(order)).combine_chunks()
    if isinstance(texts, pa.ChunkedArray):
        texts = pc.concat_arrays(texts.chunks)
    return pa.chunked_array([pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), texts)])


def _numbered(raw: RawTable, prefix: str) -> dict[int, int]:
    """Positions of the columns of a channel by the number of the step.

    Raises:
        DataError: There are fewer than two, or one number is there twice.
    """
    pattern = re.compile(re.escape(prefix) + r"(\d+)\Z")
    found: dict[int, int] = {}
    for position, name in enumerate(raw.names):
        match = pattern.match(name)
        if match is None:
            continue
        if int(match[1]) in found:
            raise DataError(
                f"{raw.where}: {named('wide', prefix)} finds the step {int(match[1])} twice"
            )
        found[int(match[1])] = position
    if len(found) < FEWEST_WIDE_STEPS:
        raise DataError(
            f"{raw.where} has no columns {prefix}0, {prefix}1, ... for {named('wide', prefix)}. "
            f"The columns are {listed(raw.names)}"
        )
    return found


def _floats(column: pa.ChunkedArray, reading: Reading) -> NDArray[np.float64]:
    values = as_kind(column, ColumnKind.NUMERIC, reading).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)
