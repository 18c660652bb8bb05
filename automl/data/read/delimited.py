"""Reads delimited text (CSV, TSV, ...) as strings; detects delimiter, encoding and header.

Every cell is read as a string, and kinds are inferred from whole columns, so that codes keep their
leading zeros and labels their spelling. In large files, columns of plain numbers are cast while
reading (``blocks``), with the same result.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from automl.data.options import ReadOptions
from automl.data.raw_table import RawTable, no_rows
from automl.data.read.blocks import Form, read_blocks
from automl.data.read.delimited_errors import (
    find_unclosed_quote,
    parse_error,
    records_of,
    unlimited_field_size,
)
from automl.data.read.file_signatures import refuse_markup
from automl.data.read.layout import Layout, Record, find_layout
from automl.data.read.other_lines import ignorable, without_other_lines
from automl.data.read.spaced_quotes import has_spaced_quotes, without_spaces
from automl.data.read.streams import direct, is_utf8
from automl.errors import DataError
from automl.surface import named

__all__ = ["DELIMITERS", "read_delimited"]

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES, SAMPLE_RECORDS = 1 << 18, 200
LONGEST_HEADER_BYTES = 1 << 26
BLOCK_BYTES = (1 << 20, 1 << 22, 1 << 26, (1 << 30) - 1)
"""Sizes of parse blocks; larger ones are used for files with a row that does not fit."""
FEW_COLUMNS = 200
"""Largest number of columns for which the smallest block size is used."""
ONLY_EMPTY = frozenset({""})
BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CUT_QUOTE = re.compile(r'[,;\t|]"')
FALLBACKS = ("cp1252", "latin-1")
"""Encodings tried in turn if a file is not UTF-8; the last accepts any bytes."""

Open = Callable[[], BinaryIO]
_Odd = tuple[int, str, int]
"""Number, text and field count of a line whose field count differs from that of the names."""


def read_delimited(
    open_file: Open, where: str, options: ReadOptions, tabs: bool = False
) -> RawTable:
    """Reads delimited text.

    Args:
        open_file: Opens the decompressed bytes from the start.
        where: Name of the file, for messages.
        options: Delimiter and further texts for missing values.
        tabs: Whether the file name suggests tabs.

    Raises:
        DataError: The text is not a table; the message names the line and a fix.
    """
    sample = _sample(open_file)
    encoding = _given_encoding(options.encoding) or _encoding(sample, where)
    text = _decoded(sample, encoding)
    refuse_markup(text, where)
    if has_spaced_quotes(text) and not encoding.startswith(("utf-16", "utf-32")):
        open_file = without_spaces(open_file)
        sample = _sample(open_file)
        text = _decoded(sample, encoding)
    delimiter = _checked(options.delimiter) or _named_delimiter(text)
    delimiter = delimiter or _found_delimiter(text, "\t" if tabs else ",")
    form = Form(
        _layout(text, delimiter, where), delimiter, "," if delimiter == ";" else ".", options
    )
    if "\n" not in text.strip() and "\r" not in text.strip():
        raise DataError(no_rows(where, form.names))
    told = [f"{where} is separated by {delimiter!r}"] if delimiter != "," else []
    if encoding == "utf-8" and len(sample) >= SAMPLE_BYTES:
        raw = read_blocks(open_file, where, form, sample)
        if raw is not None:
            return replace(raw, notes=(*told, *form.layout.notes))
    is_known = options.encoding is not None or encoding != "utf-8"
    encodings = (encoding,) if is_known else (encoding, *FALLBACKS)
    table, used, odd = _read(open_file, where, form, encodings)
    notes = []
    if used != encoding:
        form = replace(form, layout=_layout(_decoded(sample, used), delimiter, where))
        other = named("data.encoding", "NAME")
        notes.append(f"{where} is not UTF-8: read as {used}; {other} sets another")
    notes += told
    notes += [
        f"{where}, line {line} is left out: {text[:60]!r} is not a row"
        for line, text in [(line, text) for line, text, _ in odd if text.strip()][:3]
    ]
    raw = RawTable(
        names=form.names,
        columns=tuple(table.columns),
        where=where,
        reading=replace(form.reading, marks=_marks_while_reading(form)),
        notes=(*notes, *form.layout.notes),
    )
    return without_other_lines(raw)


def _sample(open_file: Open) -> bytes:
    """Reads the start of a file, at least to the end of its first line."""
    with open_file() as file:
        sample = more = file.read(SAMPLE_BYTES)
        while more and len(sample) < LONGEST_HEADER_BYTES and not _has_line(sample):
            more = file.read(len(sample))
            sample += more
    return sample


def _has_line(sample: bytes) -> bool:
    return b"\n" in sample or b"\r" in sample


def _given_encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        "".encode(name)  # refuses codecs of bytes, such as hex
    except LookupError:
        raise DataError(
            f"{named('data.encoding', name)}: there is no such encoding; use one of Python's, "
            "such as utf-8, cp1250, gbk or shift_jis"
        ) from None
    return codecs.lookup(name).name


def _encoding(sample: bytes, where: str) -> str:
    if not sample.strip():
        raise DataError(f"{where} is empty: it needs a line of column names and rows below it")
    for mark, encoding in BOMS:
        if sample.startswith(mark):
            return encoding
    if b"\0" in sample:
        even, odd = sample[0:4096:2].count(0), sample[1:4096:2].count(0)
        if max(even, odd) > 0.4 * min(len(sample), 4096) / 2 and min(even, odd) == 0:
            return "utf-16-le" if odd > even else "utf-16-be"
        line = sample[: sample.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"{where}, line {line}: there is a NUL byte, so this is not a text file, or it is "
            "damaged. Save it as CSV in UTF-8"
        )
    if len(sample) >= LONGEST_HEADER_BYTES and not _has_line(sample):
        raise DataError(
            f"{where}: the first line is longer than {LONGEST_HEADER_BYTES >> 20} MiB, "
            "so this is not a table with a line of column names"
        )
    return "utf-8"


def _decoded(sample: bytes, encoding: str) -> str:
    return sample.decode(encoding, errors="replace").removeprefix("\ufeff")


def _checked(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '\r\n"' or not delimiter.isascii():
        raise DataError(
            f"the delimiter {delimiter!r} is not usable: it must be one ASCII character, "
            "such as , ; | or \\t"
        )
    return delimiter


def _named_delimiter(text: str) -> str | None:
    """The delimiter in a first line such as ``sep=;``, which Excel reads and writes."""
    first = text.partition("\n")[0].strip(' \r"')
    return first[4:] if first.startswith("sep=") and len(first) == 5 else None


def _records(text: str, delimiter: str) -> list[Record]:
    """The first records that are not blank."""
    with unlimited_field_size():
        records = records_of(io.StringIO(text, newline=""), delimiter)
        filled = ((line, record) for line, record, _ in records if record)
        return list(islice(filled, SAMPLE_RECORDS))


def _found_delimiter(text: str, preferred: str) -> str:
    """The delimiter for which most records have the same number of fields, at least two.

    Ties are decided by the first record: in a file separated by semicolons, decimal commas split
    the rows but not the line of names.
    """
    best, best_score = preferred, (0.0, False, 0)
    for delimiter in sorted(DELIMITERS, key=lambda d: d != preferred):
        counts = [_n_fields(record) for _, record in _records(text, delimiter)]
        if len(counts) > 2:
            counts = counts[:-1]  # the last one may be cut off
        n_fields = max(set(counts), key=lambda n: (counts.count(n), n), default=0)
        if n_fields < 2:
            continue
        same = counts.count(n_fields) / len(counts)
        score = (round(same, 1), counts[0] == n_fields, n_fields)
        if score > best_score and (same > 0.5 or delimiter == preferred):
            best, best_score = delimiter, score
    return best


def _n_fields(record: Sequence[str]) -> int:
    """Number of fields; 0 if one is part of a quoted cell, so that the delimiter is wrong."""
    is_cut = any(_CUT_QUOTE.search(field) and field.count('"') % 2 for field in record)
    return 0 if is_cut else len(record)


def _layout(text: str, delimiter: str, where: str) -> Layout:
    records = _records(text, delimiter)
    if not records:
        raise DataError(f"{where} is empty: it needs a line of column names and rows below it")
    is_cut = len(text) >= SAMPLE_BYTES // 4 and len(records) > 2
    return find_layout(records[:-1] if is_cut else records, where)


def _read(
    open_file: Open, where: str, form: Form, encodings: tuple[str, ...]
) -> tuple[pa.Table, str, list[_Odd]]:
    """Reads all cells as strings, with the first encoding and the smallest block size that work.

    Returns:
        The table, the encoding, and the lines that were skipped because they are not rows.
    """
    layout, delimiter, n_columns = form.layout, form.delimiter, len(form.names)
    odd: list[_Odd] = []
    marks = _marks_while_reading(form)
    parse = strict = _parse_options(delimiter)
    (encoding, *others), failure = encodings, ""
    blocks = BLOCK_BYTES[n_columns > FEW_COLUMNS :]
    while True:
        read = pa.csv.ReadOptions(
            autogenerate_column_names=True,
            block_size=blocks[0],
            encoding=encoding,
            skip_rows=layout.n_above,
            use_threads=parse is strict,
        )
        odd.clear()
        try:
            with open_file() as file:
                table = pa.csv.read_csv(direct(file), read, parse, form.as_texts(marks))
            break
        except (pa.ArrowInvalid, UnicodeError, IndexError) as error:
            message = str(error)
            if others and _is_not_decoded(error, open_file, encoding):
                encoding, *others = others
            elif "straddl" in message and len(blocks) > 1:
                blocks = blocks[1:]
            elif "Expected" in message and parse is strict:
                parse, failure = _parse_options(delimiter, odd), message
            else:
                raise parse_error(open_file, where, delimiter, encoding, message) from None
    n_rows = table.num_rows - layout.has_names_as_row
    if odd and not ignorable(
        odd, n_rows, layout.n_above + layout.has_names_as_row, table.column(0)
    ):
        raise parse_error(open_file, where, delimiter, encoding, failure)
    if table.num_rows and "\n" in (table.column(table.num_columns - 1)[-1].as_py() or ""):
        # an unclosed quote would silently swallow the rest of the file
        unclosed = find_unclosed_quote(open_file, where, delimiter, encoding)
        if unclosed is not None:
            raise unclosed
    if table.num_columns != n_columns:
        raise DataError(
            f"{where}, line 1: the column names cannot be read: {n_columns} with quotes, "
            f"{table.num_columns} without. Check the quotes in that line"
        )
    return table.slice(int(layout.has_names_as_row)), encoding, odd


def _marks_while_reading(form: Form) -> frozenset[str]:
    """Texts that become null while the file is read; the others do when all columns are there.

    Arrow keeps all of them once more for each column, which of many columns is most of the memory.
    """
    return form.options.marks if len(form.names) <= FEW_COLUMNS else ONLY_EMPTY


def _is_not_decoded(error: Exception, open_file: Open, encoding: str) -> bool:
    """Whether the text has another encoding, in which the handler of odd rows cannot decode it."""
    if isinstance(error, UnicodeError) or "invalid UTF8" in str(error):
        return True
    return "Expected" in str(error) and encoding == "utf-8" and not is_utf8(open_file)


def _parse_options(delimiter: str, odd: list[_Odd] | None = None) -> pa.csv.ParseOptions:
    """Parse options; lines with a wrong number of fields are appended to ``odd``, if given."""

    def note(row: pa.csv.InvalidRow) -> str:
        assert odd is not None
        odd.append((row.number or 0, row.text, row.actual_columns))
        return "skip"

    return pa.csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        invalid_row_handler=note if odd is not None else None,
    )
