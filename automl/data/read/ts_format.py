"""Reads ``.ts`` files, the format of the time series archives (timeseriesclassification.com).

    @problemName Gestures
    @univariate false
    @classLabel true 1 2 3
    @data
    1.86,1.89,1.94:0.20,0.19,0.21:1

Each line is a case: channels separated by colons, values by commas, ``?`` or ``NaN`` if missing;
after the last colon follows the class or number to predict, if the header declares one.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from automl.data.columns.series import SERIES_COLUMN, lists_of_steps
from automl.data.raw_table import RawTable
from automl.data.table import FloatArray
from automl.errors import DataError
from automl.surface import named

__all__ = ["read_ts"]

LABEL_COLUMN, TARGET_COLUMN = "label", "target"
LONGEST_LINE_BYTES = 1 << 28

Case = tuple[FloatArray, str | None]
"""Steps ``(n_steps, n_channels)``, and the class or number as text."""


def read_ts(open_file: Callable[[], BinaryIO], where: str) -> RawTable:
    """Reads series and their targets.

    The channels are named ``dim_0``, ``dim_1``, ...; if those of a case differ in length, the
    shorter ones are padded with missing values.

    Args:
        open_file: Opens the decompressed bytes from the start.
        where: Name of the file, for messages.

    Returns:
        A column ``series``, and ``label`` or ``target`` if the header declares it.

    Raises:
        DataError: The text is not in this format; the message names the line.
    """
    with open_file() as file:
        lines = _lines(file, where)
        label_column = _header(lines, where)
        cases = [_case(text, line, label_column, where) for line, text in lines]
    if not cases:
        raise DataError(f"{where} has no case after @data: write the series below that line")
    widths = [values.shape[1] for values, _ in cases]
    odd = next((i for i, width in enumerate(widths) if width != widths[0]), None)
    if odd is not None:
        raise DataError(
            f"{where}: case {odd + 1} has {widths[odd]} channels, the first has {widths[0]}: "
            "correct one of them"
        )
    steps = np.concatenate([values for values, _ in cases])
    offsets = np.concatenate(([0], np.cumsum([len(values) for values, _ in cases])))
    fields = {f"dim_{i}": pa.array(steps[:, i]) for i in range(widths[0])}
    columns = {SERIES_COLUMN: lists_of_steps(fields, offsets)}
    if label_column is not None:
        labels = pa.array([label for _, label in cases], pa.string())
        labels = labels.dictionary_encode() if label_column == LABEL_COLUMN else labels
        columns[label_column] = pa.chunked_array([labels])
    return RawTable(tuple(columns), tuple(columns.values()), where)


def _lines(file: BinaryIO, where: str) -> Iterator[tuple[int, str]]:
    """Yields number and text of every line that is not blank or a comment."""
    number = 0
    while line := file.readline(LONGEST_LINE_BYTES):
        number += 1
        if len(line) == LONGEST_LINE_BYTES:
            raise DataError(f"{where}, line {number}: it is longer than 256 MiB")
        try:
            text = line.removeprefix(codecs.BOM_UTF8).decode().strip()
        except UnicodeDecodeError:
            raise DataError(f"{where}, line {number}: it is not UTF-8: save it as UTF-8") from None
        if text and not text.startswith(("#", "%")):
            yield number, text


def _header(lines: Iterator[tuple[int, str]], where: str) -> str | None:
    """Reads up to ``@data``; returns the name of the target column, or None without one.

    Raises:
        DataError: A line is not part of a header, or declares time stamps.
    """
    column = None
    for line, text in lines:
        if not text.startswith("@"):
            raise DataError(
                f"{where}, line {line}: expected a line such as @problemName ... or @data, got "
                f"{text[:40]!r}"
            )
        word, *values = text[1:].lower().split()
        if word == "data":
            return column
        promised = bool(values) and values[0] == "true"
        if word == "timestamps" and promised:
            raise DataError(
                f"{where}, line {line}: time stamps cannot be read; write only the values, or a "
                f"table with one row per step ({named('series_id')} and {named('step')})"
            )
        if word == "classlabel" and promised:
            column = LABEL_COLUMN
        if word == "targetlabel" and promised:
            column = TARGET_COLUMN
    raise DataError(f"{where} has no line @data: it is not in the format .ts, or cut off")


def _case(text: str, line: int, label_column: str | None, where: str) -> Case:
    parts = text.split(":")
    label = parts.pop().strip() if label_column is not None else None
    if not parts:
        raise DataError(
            f"{where}, line {line}: there is no series before the {label_column}, which follows "
            "the last colon"
        )
    channels = [_channel(part, line, where) for part in parts]
    values = np.full((max(map(len, channels)), len(channels)), np.nan)
    for i, channel in enumerate(channels):
        values[: len(channel), i] = channel
    return values, None if label in ("", "?") else label


def _channel(text: str, line: int, where: str) -> list[float]:
    values = []
    for cell in map(str.strip, text.split(",")):
        try:
            values.append(float("nan" if cell in ("?", "") else cell))
        except ValueError:
            raise DataError(
                f"{where}, line {line}: {cell[:40]!r} is not a number; separate values by commas "
                "and channels by colons"
            ) from None
    return values
