"""Types the feature columns of a raw table, and leaves out useless ones with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns.examples import EXAMPLE_LENGTH, examples_of
from automl.data.columns.excel_dates import says_date, with_serial_dates
from automl.data.columns.kinds import (
    InferredKind,
    as_numbers,
    infer_kind,
    kind_of_plain,
    parse_kind,
)
from automl.data.columns.media import (
    StoredColumn,
    channels_of,
    row_digests,
    store_images,
    store_sequences,
)
from automl.data.columns.misfits import with_misfits
from automl.data.columns.plain_numbers import n_different, plain_columns
from automl.data.columns.roles import TIME
from automl.data.columns.useless import ID_LIKE, useless_reason
from automl.data.columns.values import cast_to_kind
from automl.data.options import Reading, ReadOptions
from automl.data.raw_table import RawTable, composed, let_go, occurrence_numbers
from automl.data.table import Column, Table
from automl.errors import DataError
from automl.plugin.task import TABULAR_KINDS, ColumnKind
from automl.surface import named

__all__ = ["infer_columns", "require_used", "store_media_like"]


@dataclass(frozen=True, slots=True)
class _Typed:
    column: Column
    values: pa.Array
    chosen: bool


def infer_columns(
    raw: RawTable,
    columns: list[pa.ChunkedArray],
    excluded: Sequence[int],
    steering: Mapping[str, int],
    options: ReadOptions,
) -> Table:
    """Types the feature columns of a table, of which all may turn out to be useless.

    Args:
        raw: The raw table; its columns may be emptied.
        columns: Its columns; each is released once it is typed.
        excluded: Positions of columns that are not features at all, such as the target.
        steering: The result of ``find_steering``. These columns are listed but not used; the time
            is used, even if it looks like an id.
        options: Kinds set by the user.

    Raises:
        DataError: A kind is unknown or does not fit.
    """
    for name in options.kinds:
        position = raw.position(name, "data.kinds")
        if position in excluded and raw.names.count(name) == 1:
            raise DataError(
                f"data.kinds names {name!r}, which is the target: set the task with {named('task')}"
            )
    raw = _with_plain(raw, columns, {*excluded, *steering.values()}, options)
    positions = [i for i in range(len(raw.names)) if i not in set(excluded)]
    counts = occurrence_numbers([composed(raw.names[i]) for i in positions])

    unused = {at: f"not a feature: it gives the {r}" for r, at in steering.items() if r != TIME}

    def typed_at(number: int) -> _Typed:
        at = positions[number]
        steers = unused.get(at, "")
        return _typed(raw, columns, at, f"c{number}", counts[number], steers, options)

    typed = []
    for number, position in enumerate(positions):
        typed.append(typed_at(number))
        if not typed[-1].column.doubt:
            let_go(columns, position)
    is_doubtful = any(t.column.doubt for t in typed)
    if is_doubtful and (usual := _decimal_of(typed)) not in ("", raw.reading.usual):
        raw = replace(raw, reading=replace(raw.reading, usual=usual))
        typed = [typed_at(n) if t.column.doubt else t for n, t in enumerate(typed)]
    if steering.get(TIME) in positions:
        at = positions.index(steering[TIME])
        typed[at] = _taken_in(typed[at])
    if all(t.column.left_out for t in typed):
        why = "; looks like an id, but there are no other usable columns"
        typed = [_taken_in(t, why) for t in typed]
    typed = _without_duplicates(typed)
    used = [t for t in typed if not t.column.left_out]
    data = pa.Table.from_arrays([t.values for t in used], names=[t.column.key for t in used])
    return Table(data, tuple(t.column for t in typed), raw.row_names)


def _with_plain(
    raw: RawTable, columns: list[pa.ChunkedArray], others: set[int], options: ReadOptions
) -> RawTable:
    """Casts many short columns of plain numbers at once; ``starts`` then holds their texts."""
    named_ones = {composed(name) for name in options.kinds}
    at = [i for i in range(len(columns)) if i not in others and i not in raw.encoded]
    at = [i for i in at if not says_date(raw.names[i]) and composed(raw.names[i]) not in named_ones]
    found = plain_columns([columns[i] for i in at], raw.reading)
    starts = dict(raw.starts)
    for place, values in found.items():
        starts[at[place]] = columns[at[place]]
        columns[at[place]] = pa.chunked_array([values])
    return replace(raw, starts=starts) if found else raw


def require_used(table: Table, where: str) -> None:
    """Refuses a table without usable columns.

    Raises:
        DataError: All columns are left out; the message says why.
    """
    if not table.used:
        reasons = "; ".join(f"{c.name!r} {c.left_out}" for c in table.columns[:5])
        raise DataError(
            f"{where} has no usable columns{': ' + reasons if reasons else ''}. "
            "Add columns, or set a kind with data.kinds to use one of them"
        )


def _decimal_of(typed: Sequence[_Typed]) -> str:
    """The decimal mark of the unambiguous columns; "" if they differ, or if there are none.

    Ambiguous columns of the same table are read with it.
    """
    marks = {
        t.column.form.decimal
        for t in typed
        if t.column.form is not None and not t.column.doubt and _has_fractions(t.values)
    }
    return marks.pop() if len(marks) == 1 else ""


def _has_fractions(values: pa.Array) -> bool:
    numbers = values.drop_null().to_numpy()
    return bool((numbers != np.floor(numbers)).any())


def _typed(
    raw: RawTable,
    columns: Sequence[pa.ChunkedArray],
    position: int,
    key: str,
    occurrence: int,
    steers: str,
    options: ReadOptions,
) -> _Typed:
    name, source = raw.names[position], columns[position]
    source = source.cast(pa.string()) if position in raw.encoded else source
    wanted = next((k for n, k in options.kinds.items() if composed(n) == composed(name)), "")
    chosen = wanted != ""
    is_plain = position in raw.starts
    guess = kind_of_plain(source) if is_plain else infer_kind(source, raw.reading, raw.folder)
    guess = with_serial_dates(name, guess, source)
    if chosen:
        guess = _chosen_guess(guess, parse_kind(wanted, name), source, raw.reading)
    if guess.kind not in TABULAR_KINDS and not guess.left_out and not steers:
        column = Column(key, name, occurrence, guess.kind, guess.reason)
        return _typed_media(raw, source, column, options)
    values = guess.values
    if values is None:
        values = cast_to_kind(source, guess.kind, guess.reading(raw.reading))
    if chosen and values.null_count == len(values) and source.null_count < len(source):
        example = source.drop_null()[0].as_py()
        raise DataError(
            f"column {name!r} cannot have the kind {guess.kind}: none of its values fits (for "
            f"example {str(example)[:EXAMPLE_LENGTH]!r})"
        )
    n_distinct = n_different(values)
    left_out = guess.left_out or steers
    if not left_out and not chosen:
        left_out = useless_reason(name, values, guess.kind, n_distinct)
    column = Column(
        key=key,
        name=name,
        occurrence=occurrence,
        kind=guess.kind,
        reason=guess.reason,
        left_out=left_out,
        missing_share=values.null_count / len(values),
        n_distinct=n_distinct,
        examples=examples_of(raw.starts.get(position, source)),
        day_first=guess.day_first,
        form=guess.form,
        n_misfits=guess.n_misfits,
        misfits=guess.misfits,
        doubt=guess.doubt,
    )
    return _Typed(with_misfits(column, raw, source, values), values, chosen or bool(steers))


def _typed_media(
    raw: RawTable, source: pa.ChunkedArray, column: Column, options: ReadOptions
) -> _Typed:
    """Types a column of images or sequences.

    Raises:
        DataError: Files cannot be decoded, or the values are not sequences.
    """
    channels: tuple[str, ...] = ()
    if column.kind is ColumnKind.IMAGE:
        stored = store_images(source, raw.folder, options.image_side)
        examples = examples_of(source)
    else:
        channels = channels_of(source.type)
        if not channels:
            raise DataError(
                f"column {column.name!r} cannot have the kind sequence: its values are not lists "
                f"of numbers. For a table with one row per step use {named('series_id')} and "
                f"{named('step')}, for one column per step use {named('wide')}"
            )
        stored = store_sequences(source, channels)
        examples = (_lengths(source),)
    n_distinct = len(np.unique(row_digests(stored.values)))
    n_rows = len(stored.values)
    is_constant = n_distinct == 1 and n_rows > 1
    column = replace(
        column,
        left_out="constant: all rows have the same value" if is_constant else "",
        missing_share=stored.n_missing / n_rows,
        n_distinct=n_distinct,
        examples=examples,
        shape=stored.shape,
        channels=channels,
    )
    return _Typed(column, stored.values, True)


def _lengths(series: pa.ChunkedArray) -> str:
    found = pc.min_max(pc.list_value_length(series)).as_py()
    return f"{found['min']} to {found['max']} steps"


def store_media_like(raw: RawTable, source: pa.ChunkedArray, column: Column) -> StoredColumn:
    """Stores a column of images or sequences of new rows like the training column.

    Args:
        raw: The new rows.
        source: Their column.
        column: The training column.

    Raises:
        DataError: Files cannot be decoded, or the values are not sequences.
        MissingColumnError: A channel is missing.
    """
    if column.kind is ColumnKind.IMAGE:
        return store_images(source, raw.folder, max(column.shape[:2]), column.shape)
    if not channels_of(source.type):
        raise DataError(f"column {column.name!r} of {raw.where} does not hold lists of numbers")
    return store_sequences(source, column.channels)


def _chosen_guess(
    guess: InferredKind, kind: ColumnKind, source: pa.ChunkedArray, reading: Reading
) -> InferredKind:
    """The kind set by the user; only a column without any value stays left out."""
    left_out = guess.left_out if guess.left_out.startswith("empty") else ""
    if kind is not ColumnKind.NUMERIC:
        return InferredKind(kind, "set by data.kinds", left_out, guess.day_first)
    read = guess if guess.form is not None else as_numbers(source, reading)
    return replace(read, kind=kind, reason="set by data.kinds", left_out=left_out)


def _taken_in(typed: _Typed, why: str = "") -> _Typed:
    """Restores a column that was left out because it looks like an id."""
    column = typed.column
    if not column.left_out.startswith(ID_LIKE):
        return typed
    return replace(typed, column=replace(column, left_out="", reason=column.reason + why))


def _without_duplicates(typed: list[_Typed]) -> list[_Typed]:
    """Leaves out columns that are equal to an earlier one in every row."""
    seen: dict[tuple[object, ...], list[_Typed]] = {}
    result = []
    for t in typed:
        column = t.column
        if column.left_out or t.chosen:
            result.append(t)
            continue
        some = tuple(t.values[at].as_py() for at in (len(t.values) // 2, -1))
        clue = (column.kind, column.n_distinct, t.values.null_count, column.examples, some)
        twin = next((s for s in seen.get(clue, ()) if s.values.equals(t.values)), None)
        if twin is None:
            seen.setdefault(clue, []).append(t)
            result.append(t)
        else:
            why = f"duplicated: the same as column {twin.column.name!r} in every row"
            result.append(replace(t, column=replace(column, left_out=why)))
    return result
