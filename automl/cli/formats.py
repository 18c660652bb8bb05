"""Output formats of tables, chosen by file extension."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from automl.errors import UserError

__all__ = ["Format", "encoded", "format_of", "write_csv"]

_TEXT = {".tsv": "\t", ".tab": "\t", ".psv": "|"}
"""Delimiters by extension; a comma for others."""
_ARROW = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".feather", ".arrow", ".ipc"), "feather"),
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_UNWRITTEN = frozenset(
    (
        *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".json", ".jsonl", ".ndjson"),
        *(".zip", ".xz", ".7z", ".tar", ".tgz", ".db", ".sqlite", ".sqlite3", ".duckdb", ".ts"),
        *(".orc", ".avro", ".npy", ".npz", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5", ".rds"),
        *(".dta", ".sav", ".sas7bdat", ".html", ".xml", ".yaml", ".yml", ".pdf", ".docx"),
        *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".wav", ".mp3"),
    )
)
"""Extensions of other formats, for which CSV would be wrong."""
_WRITTEN = ".csv, .tsv (also .gz, .zst, .bz2), .parquet or .feather"


@dataclass(frozen=True, slots=True)
class Format:
    """Format of an output file.

    Attributes:
        name: ``text``, ``parquet`` or ``feather``.
        delimiter: Delimiter of a text file.
        compression: ``gzip``, ``zstd``, ``bz2`` or None.
    """

    name: str = "text"
    delimiter: str = ","
    compression: str | None = None


def format_of(path: Path) -> Format:
    """Returns the format for a file name; CSV if the extension is unknown.

    Raises:
        UserError: The format cannot be written; the message suggests another name.
    """
    compression = _COMPRESSIONS.get(path.suffix.lower())
    inner = path.with_suffix("") if compression else path
    ending = inner.suffix.lower()
    if ending in _UNWRITTEN or (compression and ending in _ARROW):
        raise UserError(
            f"--out {path}: {ending}{path.suffix if compression else ''} files are not supported: "
            f"use {_WRITTEN}, such as {inner.with_suffix('.csv')}"
        )
    if ending in _ARROW:
        return Format(_ARROW[ending])
    return Format("text", _TEXT.get(ending, ","), compression)


def encoded(
    format: Format, names: Sequence[str], columns: Sequence[Sequence[Any]], *, raw: bool
) -> bytes:
    """Returns a table as the content of a file.

    Args:
        format: The format.
        names: Names of the columns.
        columns: Values of each column, Python objects, all ``(n_rows,)``.
        raw: Whether text is written unchanged, even if a spreadsheet would execute it. Parquet
            and Feather always hold it unchanged.
    """
    if format.name != "text":
        return _arrow(format.name, names, columns)
    text = io.StringIO(newline="")
    write_csv(text, names, columns, raw=raw, delimiter=format.delimiter)
    return _compressed(text.getvalue().encode(errors="backslashreplace"), format.compression)


def write_csv(
    file: TextIO,
    names: Sequence[str],
    columns: Sequence[Sequence[Any]],
    *,
    raw: bool = False,
    delimiter: str = ",",
) -> None:
    """Writes CSV with floats that read back exactly.

    If text contains another common delimiter, all text is quoted, so that readers that detect
    the delimiter, as automl does, do not split labels such as ``a;b``.

    Args:
        file: Output stream.
        names: Names of the columns.
        columns: Values of each column, Python objects, all ``(n_rows,)``.
        raw: Whether text is written unchanged, even if a spreadsheet or a terminal would execute
            it.
        delimiter: Delimiter of cells.
    """
    from automl.cell_escaping import guarded

    def cell(value: Any) -> Any:
        return guarded(value) if isinstance(value, str) and not raw else value

    other = re.compile("[" + ",;\t|".replace(delimiter, "") + "]")
    texts = (value for column in (names, *columns) for value in column if isinstance(value, str))
    is_misleading = any(other.search(text) for text in texts)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if is_misleading else csv.QUOTE_MINIMAL
    writer = csv.writer(file, lineterminator="\n", delimiter=delimiter, quoting=quoting)
    writer.writerow(map(cell, names))
    writer.writerows(map(cell, row) for row in zip(*columns, strict=True))


def _compressed(content: bytes, compression: str | None) -> bytes:
    if compression is None:
        return content
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, compression) as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def _arrow(format: str, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> bytes:
    import pyarrow as pa

    table = pa.Table.from_arrays([pa.array(column) for column in columns], list(names))
    sink = pa.BufferOutputStream()
    if format == "parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, sink)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return bytes(sink.getvalue())
