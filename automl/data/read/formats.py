"""Reads a table from any source: a file by its extension, a database by its URL, a data frame."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from automl.cell_escaping import unguarded
from automl.data.columns.series import from_long, from_wide, with_static_features
from automl.data.columns.values import factorize
from automl.data.options import ReadOptions
from automl.data.raw_table import (
    RawTable,
    composed,
    format_names,
    no_rows,
    plain_strings,
    suggestion,
)
from automl.data.read.delimited import read_delimited
from automl.data.read.excel import EXCEL_ENDINGS, OTHER_ENDINGS, read_excel
from automl.data.read.file_signatures import SQL_FIX, refuse_binary
from automl.data.read.frames import read_frame
from automl.data.read.image_folder import read_folder
from automl.data.read.json_lines import read_json_lines
from automl.data.read.sql import DATABASE_SCHEMES, read_sql
from automl.data.read.streams import detect_compression, open_decompressed, require_regular_file
from automl.data.read.ts_format import read_ts
from automl.errors import DataError
from automl.formatting import first_line
from automl.redact import shown
from automl.surface import named

__all__ = ["SUPPORTED", "read_source"]

TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".psv", ".data")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
PARQUET_ENDINGS = (".parquet", ".pq")
ARROW_ENDINGS = (".feather", ".arrow", ".ipc")
TS_ENDINGS = (".ts",)
COMPRESSED_ENDINGS = (".gz", ".zst", ".bz2")
SUPPORTED = (
    ".csv, .tsv, .txt (also .gz, .zst, .bz2), .jsonl, .ndjson (also .gz, .zst, .bz2), "
    ".xlsx, .parquet, .feather, .arrow, .ts, a folder of images, or a database URL (postgresql://, "
    "sqlite:///path)"
)


def read_source(source: Any, options: ReadOptions, *, again: bool = False) -> RawTable:
    """Reads a table once, whole.

    Args:
        source: Path of a file, URL of a database, or a pandas, polars or Arrow table.
        options: How to read it; columns in ``drop`` are removed.
        again: Whether these are new rows for a known table; columns in ``drop`` may then be
            missing.

    Raises:
        DataError: The source cannot be read; the message says where and how to fix it.
        MissingExtraError: It is a database and the connectors are not installed.
    """
    raw = _with_reading(_with_carried(source, options, again), options)
    if not raw.columns:
        raise DataError(f"{raw.where} has no columns")
    if raw.n_rows == 0 and not (again and not isinstance(source, str | os.PathLike)):
        raise DataError(no_rows(raw.where, raw.names))
    for name in () if again else options.drop:
        raw.position(name, "data.drop")
    dropped = {composed(name) for name in options.drop}
    kept = [i for i, name in enumerate(raw.names) if composed(name) not in dropped]
    if not kept:
        raise DataError(f"data.drop removes all columns of {raw.where}: {format_names(raw.names)}")
    return _with_series(raw.only(kept), options)


def _with_carried(source: Any, options: ReadOptions, again: bool) -> RawTable:
    """Reads a table, and copies columns to carry before missing-value texts are emptied."""
    if not options.carry:
        return _read(source, options, again)
    if options.series_id is not None:
        raise DataError(
            "columns cannot be kept beside predictions if rows are steps of series: there is one "
            "prediction per series, with its id"
        )
    raw = _read(source, replace(options, vocabulary=("",), missing=()), again)
    columns = [raw.columns[raw.position(name, named("keep"))] for name in options.carry]
    return replace(raw, carried=pa.Table.from_arrays(columns, names=list(options.carry)))


def _with_series(raw: RawTable, options: ReadOptions) -> RawTable:
    """Builds series if the options say which rows or columns are their steps."""
    if options.series_id is not None:
        if options.wide:
            raise DataError(
                f"{named('series_id')} and {named('wide')} contradict each other: a series has "
                "one row per step, or one column per step"
            )
        series = from_long(raw, options.series_id, options.step, options.channels)
        if options.series_table is None:
            return series
        facts = _read(options.series_table, replace(options, sql=None))
        return with_static_features(series, _with_reading(facts, options))
    if options.series_table is not None:
        raise DataError(
            f"{named('data.series_table')} needs {named('series_id')}: the column that joins both "
            "tables"
        )
    if options.step is not None:
        raise DataError(
            f"{named('step')} needs {named('series_id')}: the column that names the series of each "
            "row"
        )
    return from_wide(raw, options.wide) if options.wide else raw


def _with_reading(raw: RawTable, options: ReadOptions) -> RawTable:
    """Sets the rules for reading texts, and empties cells that mean a missing value."""
    reading = replace(raw.reading, decimal=options.decimal, marks=options.marks)
    columns = raw.columns
    if raw.reading.marks != options.marks:  # categories are handled when they are typed
        marks = pa.array(sorted(options.marks), pa.string())
        columns = _with_texts(
            columns,
            lambda texts: pc.is_in(texts, marks),
            lambda texts: pc.if_else(pc.is_in(texts, marks), None, texts),
        )
    return replace(raw, columns=columns, reading=reading)


def _with_texts(
    columns: tuple[pa.ChunkedArray, ...],
    are_odd: Callable[[pa.ChunkedArray], pa.ChunkedArray],
    change: Callable[[pa.ChunkedArray], pa.ChunkedArray],
) -> tuple[pa.ChunkedArray, ...]:
    """Changes the columns of texts in which one is odd, which are few."""
    texts = [c for column in columns if pa.types.is_string(column.type) for c in column.chunks]
    # one call for all columns: one call per column is slow if they are many
    if not texts or not pc.any(are_odd(pa.chunked_array(texts))).as_py():
        return columns
    return tuple(
        change(c) if pa.types.is_string(c.type) and pc.any(are_odd(c)).as_py() else c
        for c in columns
    )


def _read(source: Any, options: ReadOptions, again: bool = False) -> RawTable:
    if not isinstance(source, str | os.PathLike):
        return read_frame(source, options)
    text = os.fspath(source)
    if not text:
        raise DataError("the path of the data is empty: name a file")
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if scheme and not os.path.exists(text):  # noqa: PTH110  (Path raises for a long text)
        if scheme[1].lower() not in DATABASE_SCHEMES:
            raise DataError(
                f"{shown(text)!r}: {scheme[1]}:// is not supported. Download or export the data to "
                "a file, or give a database URL (postgresql://, sqlite:///path)"
            )
        return read_sql(text, options.sql)
    if options.sql is not None:
        raise DataError(
            f"{named('data.sql')} is set, but {shown(text)!r} is not a database URL: give "
            "postgresql://... or sqlite:///path"
        )
    path = Path(text)
    if shown(text) != text and not os.path.lexists(text):  # it holds a password
        raise DataError(
            f"there is no file {shown(text)}; the URL of a database begins with postgresql:// or "
            "sqlite:///"
        )
    if os.path.isdir(text):  # noqa: PTH112  (unlike Path.is_dir, it never raises)
        return read_folder(path)
    return replace(_read_file(path, options, again), folder=path.parent)


def _read_file(path: Path, options: ReadOptions, again: bool) -> RawTable:
    require_regular_file(path)
    compression = detect_compression(path)
    inner = Path(path.stem) if path.suffix.lower() in COMPRESSED_ENDINGS else Path(path.name)
    ending = inner.suffix.lower()
    if ending in EXCEL_ENDINGS:
        return read_excel(path, options.sheet, again=again and not options.is_own_sheet)
    if options.sheet is not None and (options.is_own_sheet or not again):
        raise DataError(
            f"{named('data.sheet', options.sheet)}: {path} is not an Excel file (.xlsx): leave it "
            "out"
        )
    opened = partial(open_decompressed, path, compression)
    if ending in PARQUET_ENDINGS:
        return _read_columnar(path, "a Parquet file", _parquet)
    if ending in ARROW_ENDINGS:
        return _read_columnar(path, "a Feather or Arrow file", _arrow)
    if ending in JSON_ENDINGS:
        table, notes = read_json_lines(opened, path)
        return replace(_from_arrow(table, path.name), notes=notes)
    if ending in TS_ENDINGS:
        return read_ts(opened, path.name)
    with opened() as file:
        start = file.read(16)
    if compression is None:
        refuse_binary(path, start)
    if ending in TEXT_ENDINGS:
        raw = read_delimited(opened, path.name, options, tabs=ending in (".tsv", ".tab"))
        return _unguarded(raw)
    if ending in (*OTHER_ENDINGS, ".sql"):
        fix = SQL_FIX if ending == ".sql" else "Save it as .xlsx or CSV"
        raise DataError(f"{path}: {ending} files are not supported. {fix}")
    known = TEXT_ENDINGS + JSON_ENDINGS + EXCEL_ENDINGS + PARQUET_ENDINGS + ARROW_ENDINGS
    problem = f"unknown extension {ending!r}" if ending else "no extension: the format is unknown"
    near = suggestion(ending, known + TS_ENDINGS)
    raise DataError(f"{path}: {problem}{near} Supported: {SUPPORTED}")


def _unguarded(raw: RawTable) -> RawTable:
    """Restores texts that CSV files guard from spreadsheets: those of automl, and ``="007"``."""

    def without_guards(column: pa.ChunkedArray) -> pa.ChunkedArray:
        indices, distinct = factorize(column)
        texts = [text and _text_of(text) for text in distinct.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string()).take(indices)])

    columns = _with_texts(
        raw.columns,
        lambda c: pc.or_(pc.starts_with(c, "'"), pc.starts_with(c, '="')),
        without_guards,
    )
    return replace(raw, names=tuple(map(_text_of, raw.names)), columns=columns)


def _text_of(cell: str) -> str:
    """A cell without its guard; ``="007"`` is a text that is to keep its zeros in Excel."""
    as_text = re.fullmatch(r'="([^"]*)"', cell)
    return as_text[1] if as_text else unguarded(cell)


def _read_columnar(path: Path, what: str, read: Callable[[Path], pa.Table]) -> RawTable:
    try:
        table = read(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} is not {what}, or is damaged: {first_line(error)}. Write it again"
        ) from None
    return _from_arrow(table, path.name)


def _parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read()


def _arrow(path: Path) -> pa.Table:
    with pa.memory_map(str(path), "rb") as file:
        try:
            return pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()


def _from_arrow(table: pa.Table, where: str) -> RawTable:
    try:
        table.validate(full=True)  # Arrow's readers do not check that texts are UTF-8
        names = tuple(table.column_names)
        columns = tuple(plain_strings(column) for column in table.columns)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DataError(
            f"{where} is damaged, or its names or texts are not UTF-8: {first_line(error)}. Write "
            "it again"
        ) from None
    return RawTable(names, columns, where)
