"""Reads JSON Lines, after bounding its nesting: Arrow's parser recurses without a limit."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.data.read.delimited import BLOCK_BYTES
from automl.data.read.json_document import read_document, table_of_rows
from automl.data.table import BoolArray
from automl.errors import DataError
from automl.formatting import first_line

__all__ = ["DEEPEST", "read_json_lines"]

DEEPEST = 100
"""Largest depth of nesting. Arrow's parser crashes the process at about 10,000."""
SCAN_BYTES = 1 << 22
_MARKS = b'"\r\n[]{}'
_OTHERS = bytes(set(range(256)) - set(_MARKS))


def read_json_lines(opened: Callable[[], BinaryIO], path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Reads a file with one JSON object per line, or of one JSON value that holds the rows.

    Args:
        opened: Opens the decompressed bytes from the start.
        path: Path of the file, for messages.

    Returns:
        The table, and notes.

    Raises:
        DataError: The file is not such JSON, or is nested deeper than ``DEEPEST``; the message
            names the line.
    """
    with opened() as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] not in (b"{", b"["):
        raise DataError(
            f"{path}, line 1: it does not start with a JSON object; JSON Lines has one object per "
            "line (pandas: to_json(path, orient='records', lines=True))"
        )
    # This also raises errors of the stream, before Arrow reads ahead in a thread: if the file
    # raised there, the process would hang at its end.
    _check_depth(opened, path)
    document = None
    first, _, more = start.partition(b"\n")
    if start[:1] == b"[":
        document = read_document(opened, path)
    elif more.strip() and not first.rstrip().endswith(b"}"):
        with contextlib.suppress(DataError):  # objects over several lines may still be rows
            document = read_document(opened, path)
    if document:
        return document
    table = _read_lines(opened, path)
    return (table.num_rows == 1 and read_document(opened, path)) or (table, ())


def _read_lines(opened: Callable[[], BinaryIO], path: Path) -> pa.Table:
    import pyarrow.json as pj

    blocks = list(BLOCK_BYTES)
    while True:
        try:
            with opened() as file:
                return pj.read_json(file, pj.ReadOptions(block_size=blocks.pop(0)))
        except (pa.ArrowException, ValueError) as error:
            if "straddl" in str(error) and blocks:
                continue
            if "changed from" in str(error) or "changed type" in str(error):
                return _by_line(opened, path)
            row = re.search(r"in row (\d+)", str(error))
            line = f", about line {int(row[1]) + 1}" if row else ""
            raise DataError(
                f"{path}{line}: {first_line(error)}. Write one JSON object per line"
            ) from None


def _by_line(opened: Callable[[], BinaryIO], path: Path) -> pa.Table:
    """Reads the file line by line; columns of mixed types become texts.

    Raises:
        DataError: A line is not a JSON object.
    """
    rows: list[dict[str, Any]] = []
    with opened() as file:
        for number, line in enumerate(file, 1):
            if not line.strip(b" \t\r\n\xef\xbb\xbf"):
                continue
            try:
                found = json.loads(line.decode("utf-8-sig"))
            except ValueError as error:
                said = error.msg if isinstance(error, json.JSONDecodeError) else "it is not UTF-8"
                raise DataError(
                    f"{path}, line {number}: {said}. Write one JSON object per line"
                ) from None
            if not isinstance(found, dict):
                raise DataError(f"{path}, line {number}: not a JSON object. Write one per line")
            rows.append(found)
    return table_of_rows(rows)


def _check_depth(opened: Callable[[], BinaryIO], path: Path) -> None:
    """Checks an upper bound of the depth of nesting in any part of a file.

    Depth is counted from the lowest level before, even if brackets were closed too often, because
    Arrow starts again at each block. A string ends with its line: JSON strings have no line breaks.

    Raises:
        DataError: The depth exceeds ``DEEPEST``; the message names the line.
    """
    depth = lowest = n_lines = 0
    in_text, carried = False, b""
    with opened() as file:
        while block := file.read(SCAN_BYTES):
            block, carried = _without_escapes(carried + block)
            marks = np.frombuffer(block.translate(None, _OTHERS), np.uint8)
            if not len(marks):
                continue
            is_newline = marks == ord("\n")
            is_line_end = is_newline | (marks == ord("\r"))
            is_text = _inside_texts(marks, is_line_end, in_text)
            opens = ((marks == ord("[")) | (marks == ord("{"))) & ~is_text
            closes = ((marks == ord("]")) | (marks == ord("}"))) & ~is_text
            levels = depth + np.cumsum(opens.astype(np.int64) - closes)
            floor = np.minimum(np.minimum.accumulate(levels), lowest)
            too_deep = levels - floor > DEEPEST
            if too_deep.any():
                line = n_lines + int(is_newline[: int(too_deep.argmax())].sum()) + 1
                raise DataError(
                    f"{path}, line {line}: objects or lists nested more than {DEEPEST} deep, or "
                    "brackets that are never closed. Save one flat object per line"
                )
            depth, lowest = int(levels[-1]), int(floor[-1])
            in_text = bool(is_text[-1]) ^ (marks[-1] == ord('"')) and not is_line_end[-1]
            n_lines += int(is_newline.sum())


def _without_escapes(block: bytes) -> tuple[bytes, bytes]:
    r"""Removes ``\\`` and ``\"`` from a block; returns a trailing single backslash separately."""
    if b"\\" not in block:
        return block, b""
    block = block.replace(b"\\\\", b"").replace(b'\\"', b"")
    return (block[:-1], b"\\") if block.endswith(b"\\") else (block, b"")


def _inside_texts(marks: NDArray[np.uint8], is_line_end: BoolArray, begun: bool) -> BoolArray:
    """Mask of the marks inside strings: those after an odd number of quotes of their line."""
    is_quote = marks == ord('"')
    before = np.cumsum(is_quote) - is_quote + int(begun)
    at_line = np.maximum.accumulate(np.where(is_line_end, before + is_quote, 0))
    at_line = np.concatenate(([0], at_line[:-1]))
    inside: BoolArray = (before - at_line) % 2 == 1
    return inside & ~is_line_end
