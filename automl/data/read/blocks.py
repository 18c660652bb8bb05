"""Delimited text read block by block: columns of plain numbers are cast while it is parsed.

Their texts are let go with each block, so that a table of numbers never stands in memory as texts.
Whatever such columns are not certain to bear, such as a code with leading zeros in the last row,
sends the column, or the file, back to being read as texts: the outcome is the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from automl.data.options import Reading, ReadOptions
from automl.data.raw_table import RawTable
from automl.data.read.layout import SAMPLE_ROWS, Layout, without_other_lines
from automl.data.read.parts import ColumnParts
from automl.data.read.streams import direct
from automl.data.read.text_columns import text_positions

__all__ = ["Form", "read_blocks"]

ROWS_A_BLOCK = 4000
"""Fewer rows cost more by the call than by the cell."""
SMALLEST, LARGEST = 1 << 20, 1 << 26
MARGIN, FEWEST = 1.1, 1 << 16
"""Room for rows: more than the file's start promises, and at least so many."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a file stands.

    Attributes:
        layout: Where the table begins, and the names of its columns.
        delimiter: Between cells.
        usual: Decimal mark where the texts do not tell.
        options: How it is read.
    """

    layout: Layout
    delimiter: str
    usual: str
    options: ReadOptions

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.layout.names


def read_blocks(
    open_file: Callable[[], BinaryIO], where: str, form: Form, sample: bytes
) -> RawTable | None:
    """Reads a UTF-8 file in which every row has the same number of fields.

    Args:
        open_file: Opens the decompressed bytes from the start.
        where: Name of the file.
        form: How it stands.
        sample: How it begins.

    Returns:
        The table; None where it has no column of plain numbers, or anything that needs a closer
        look, such as a total below the rows: then it is to be read as texts.
    """
    texts, size = text_positions(form.names, form.options), _block_bytes(sample)
    if texts is None or size is None or (form.options.decimal or form.usual) != ".":
        return None
    try:
        return _table(open_file, where, form, texts, sample, size)
    except (pa.ArrowInvalid, UnicodeError, IndexError):
        return None


def _block_bytes(sample: bytes) -> int | None:
    """Size of blocks for a file that begins so; None where its rows are too long for blocks."""
    wanted = len(sample) // _n_lines(sample) * ROWS_A_BLOCK
    return None if wanted > LARGEST else max(wanted, SMALLEST)


def _n_lines(sample: bytes) -> int:
    return max(sample.count(b"\n"), sample.count(b"\r"), 1)


def _most_rows(open_file: Callable[[], BinaryIO], sample: bytes) -> int:
    """So many rows a file may have by its size and its start; few where it is compressed."""
    with open_file() as file:
        n_bytes = file.seek(0, io.SEEK_END) if isinstance(direct(file), pa.OSFile) else 0
    return int(MARGIN * n_bytes / len(sample) * _n_lines(sample)) + FEWEST


def _table(
    open_file: Callable[[], BinaryIO],
    where: str,
    form: Form,
    as_texts: Collection[int],
    sample: bytes,
    size: int,
) -> RawTable | None:
    marks = form.options.marks
    room = _most_rows(open_file, sample)
    columns = [
        ColumnParts(at not in as_texts and _is_name(name, marks), room, at in as_texts)
        for at, name in enumerate(form.names)
    ]
    n_rows, last = 0, None
    for batch in _batches(open_file, form, size):
        if batch.num_columns != len(columns):
            return None
        for column, texts in zip(columns, batch.columns, strict=True):
            column.add(texts, n_rows)
        n_rows, last = n_rows + batch.num_rows, batch.slice(batch.num_rows - 1)
        if not any(column.is_number for column in columns):
            return None
    if last is None or n_rows <= SAMPLE_ROWS:
        return None
    again = [at for at, column in enumerate(columns) if column.is_lost]
    for batch in _batches(open_file, form, size, again) if again else ():
        for at, texts in zip(again, batch.columns, strict=True):
            columns[at].append(texts)
    values = tuple(column.values() for column in columns)
    pa.default_memory_pool().release_unused()
    raw = RawTable(
        form.names,
        values,
        where,
        Reading(usual=form.usual, marks=marks),
        starts={at: pa.chunked_array(c.texts) for at, c in enumerate(columns) if c.is_number},
        encoded=frozenset(at for at, c in enumerate(values) if pa.types.is_dictionary(c.type)),
    )
    return raw if raw.starts and not _has_other_lines(raw, last) else None


def _batches(
    open_file: Callable[[], BinaryIO], form: Form, size: int, only: Sequence[int] = ()
) -> Iterator[pa.RecordBatch]:
    """Rows of strings; those of the line of names are left out."""
    convert = pa.csv.ConvertOptions(
        column_types={f"f{i}": pa.string() for i in range(len(form.names))},
        include_columns=[f"f{i}" for i in only],
        strings_can_be_null=True,
        null_values=sorted(form.options.marks),
    )
    read = pa.csv.ReadOptions(
        autogenerate_column_names=True,
        block_size=size,
        skip_rows=form.layout.n_above,
        use_threads=False,
    )
    parse = pa.csv.ParseOptions(delimiter=form.delimiter, newlines_in_values=True)
    is_first = form.layout.has_names_as_row
    with (
        open_file() as file,
        pa.csv.open_csv(direct(file), read, parse, convert) as reader,
    ):
        for batch in reader:
            rows = batch.slice(1) if is_first and batch.num_rows else batch
            is_first = is_first and not batch.num_rows
            if rows.num_rows:
                yield rows


def _is_name(name: str, marks: frozenset[str]) -> bool:
    """Whether a name is neither a number nor a missing value.

    A line that repeats the names is then found by what stands in the column.
    """
    if name in marks or not name:
        return False
    try:
        pa.array([name]).cast(pa.float64())
    except pa.ArrowInvalid:
        return True
    return False


def _has_other_lines(raw: RawTable, last: pa.RecordBatch) -> bool:
    """Whether a total, or units, may stand among the rows, or a quote may not be closed."""
    end = last.column(last.num_columns - 1)[0].as_py()
    if end is not None and "\n" in end:
        return True
    edges = []
    for at, column in enumerate(raw.columns):
        first = raw.starts.get(at, column).slice(0, SAMPLE_ROWS).cast(pa.string())
        edges.append(pa.chunked_array([*first.chunks, last.column(at)], pa.string()))
    few = RawTable(raw.names, tuple(edges), raw.where)
    return without_other_lines(few).n_rows != few.n_rows
