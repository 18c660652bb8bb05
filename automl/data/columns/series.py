"""Builds series from tables with one row per step, or with one column per step.

A series is a cell of type ``list<struct>``, with one struct field per channel; a ``list`` of
numbers, as in data frames, is a series with a single unnamed channel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.kinds import infer_kind
from automl.data.columns.roles import read_time, require_complete
from automl.data.columns.values import cast_to_kind, factorize, to_strings
from automl.data.options import Reading
from automl.data.raw_table import RawTable, format_names
from automl.data.table import FloatArray, IntArray
from automl.errors import DataError, MissingColumnError, did_you_mean
from automl.plugin.task import ColumnKind
from automl.surface import named

__all__ = ["SERIES_COLUMN", "from_long", "from_wide", "lists_of_steps", "with_static_features"]

SERIES_COLUMN = "series"
FEWEST_WIDE_STEPS = 2


def from_long(raw: RawTable, series_id: str, step: str | None, channels: Sequence[str]) -> RawTable:
    """Converts a table with one row per step to one with one row per series.

    Numbers that change within a series become its channels. Columns that do not change stay
    columns; a value given in only some rows of a series holds for all of it.

    Args:
        raw: The table with one row per step.
        series_id: Column that names the series of each row.
        step: Column that orders the steps of a series; None for the order of the rows.
        channels: Columns that are channels; empty detects them.

    Returns:
        The table, with the series as first column, ordered by first appearance.

    Raises:
        DataError: A row has no id or step, a step occurs twice, or no number changes.
        MissingColumnError: Columns in ``channels`` are missing.
    """
    missing = [name for name in channels if name not in raw.names]
    if missing:
        near = "".join(did_you_mean(name, raw.names) for name in missing[:3])
        raise MissingColumnError(
            f"{raw.where} lacks {format_names(missing, at_most=50)}: channels of the series"
            f"{near or '.'} It has {format_names(raw.names)}"
        )
    id_at = raw.position(series_id, named("series_id"))
    codes, ids = factorize(to_strings(require_complete(raw, id_at, "id of the series")))
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
            fields[name] = cast_to_kind(column, ColumnKind.NUMERIC, raw.reading).take(
                pa.array(order)
            )
        else:
            names.append(name)
            columns.append(_left_as_lists(column, order, offsets) if same is None else same)
    if not fields:
        raise DataError(
            f"{raw.where}: no column of numbers changes within a series: check that "
            f"{series_id!r} names the series of each row"
        )
    in_order = {name: fields[name] for name in channels or fields}
    return replace(
        raw,
        names=(SERIES_COLUMN, *names),
        columns=(lists_of_steps(in_order, offsets), *columns),
        row_names=(series_id, ids),
    )


def with_static_features(series: RawTable, facts: RawTable) -> RawTable:
    """Joins a table with one row per series to the series; rows of unknown series are dropped.

    Args:
        series: The result of ``from_long``.
        facts: One row per series, with its id. Series without a row get missing values.

    Raises:
        DataError: ``facts`` lacks the id column, has an id twice, or has no id of ``series``; or
            both tables have a column of the same name.
    """
    assert series.row_names is not None  # set by from_long
    id_column, ids = series.row_names
    id_at = facts.position(id_column, named("series_id"))
    codes, known = factorize(to_strings(require_complete(facts, id_at, "id of the series")))
    rows = codes.to_numpy()
    twice = np.flatnonzero(np.bincount(rows) > 1)
    if len(twice):
        raise DataError(
            f"{facts.where} has the series {known[int(twice[0])].as_py()!r} twice: it needs "
            "one row per series"
        )
    row_of = np.empty(len(known), dtype=np.int64)
    row_of[rows] = np.arange(len(rows))
    places = pc.index_in(ids, known)
    if places.null_count == len(places):
        raise DataError(
            f"{facts.where} has none of the series of {series.where} (first: {ids[0].as_py()!r}); "
            f"its own first is {known[0].as_py()!r}"
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


def from_wide(raw: RawTable, prefixes: Sequence[str]) -> RawTable:
    """Adds a column of series to a table that has one column per step.

    The columns of the steps are kept for families that do not use sequences. Trailing steps
    without a value in any channel are cut, so series may have different lengths.

    Args:
        raw: The table, one row per series.
        prefixes: Prefix of the column names of each channel, before the number of the step.

    Raises:
        DataError: There are no such columns, or channels have different steps.
    """
    found = {prefix: _numbered(raw, prefix) for prefix in prefixes}
    first = found[prefixes[0]]
    for prefix, steps in found.items():
        if steps.keys() != first.keys():
            odd = min(steps.keys() ^ first.keys())
            raise DataError(
                f"{raw.where}: the channels {prefixes[0]!r} and {prefix!r} of {named('wide')} have "
                f"different steps: only one of them has {odd}"
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


def lists_of_steps(fields: dict[str, pa.Array], offsets: IntArray) -> pa.ChunkedArray:
    """Builds series from the concatenated steps of all of them.

    Args:
        fields: Values of each channel by its name, ``(n_steps,)``.
        offsets: Start of each series, and the end of the last, ``(n_series + 1,)``.
    """
    steps = pa.StructArray.from_arrays(
        [array.cast(pa.float64()) for array in fields.values()], names=list(fields)
    )
    series = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), steps)
    return pa.chunked_array([series])


def _order(raw: RawTable, series: IntArray, ids: pa.Array, step_at: int | None) -> IntArray:
    """Row numbers sorted by series and step, ``(n_rows,)``.

    Raises:
        DataError: A step is missing or occurs twice.
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
    """The value of each series, ``(n_series,)``; None if a series has several."""
    if pa.types.is_nested(column.type):
        return None
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries().combine_chunks()
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
    """Keeps texts that change within a series as lists, so that they are reported as unusable."""
    texts = to_strings(column).take(pa.array(order)).combine_chunks()
    return pa.chunked_array([pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), texts)])


def _numbered(raw: RawTable, prefix: str) -> dict[int, int]:
    """Positions of the columns of a channel, by step number.

    Raises:
        DataError: There are fewer than two, or a number occurs twice.
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
            f"The columns are {format_names(raw.names)}"
        )
    return found


def _floats(column: pa.ChunkedArray, reading: Reading) -> FloatArray:
    values = cast_to_kind(column, ColumnKind.NUMERIC, reading).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)
