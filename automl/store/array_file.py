"""Reads and writes named arrays with a JSON header in one file, without running code.

    8 bytes  MAGIC
    8 bytes  length of the header, little-endian
    header   JSON, padded with spaces to ALIGNMENT:
             {"value": ..., "arrays": [[name, dtype, shape, start], ...]}
    arrays   the bytes of each in C order, ``start`` bytes after the header, padded to ALIGNMENT

Sizes in the header are checked against the file size before anything is allocated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_array_file", "write_array_file"]

MAGIC = b"AUTOMLA1"
ALIGNMENT = 64
KINDS = frozenset("biuf")
"""Accepted dtype kinds: booleans, integers and floats, which hold no references."""


def write_array_file(path: Path, value: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes a JSON value and arrays of numbers or booleans into one file.

    Raises:
        ValueError: An array has another dtype, or the value is not JSON.
    """
    listed: list[tuple[str, str, tuple[int, ...], int]] = []
    start = 0
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<")
        if dtype.kind not in KINDS:
            raise ValueError(f"array {name!r} holds {dtype}, not numbers or booleans")
        listed.append((name, dtype.str, array.shape, start))
        start += _padded(array.nbytes)
    header = {"value": value, "arrays": listed}
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode()
    text = text.ljust(_padded(len(MAGIC) + 8 + len(text)) - len(MAGIC) - 8)
    with path.open("wb") as file:
        file.write(MAGIC + len(text).to_bytes(8, "little") + text)
        for array, (_, dtype_name, _, _) in zip(arrays.values(), listed, strict=True):
            file.write(np.ascontiguousarray(array, dtype=dtype_name).tobytes())
            file.write(bytes(_padded(array.nbytes) - array.nbytes))


def read_array_file(path: Path) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Reads a file that ``write_array_file`` wrote.

    Returns:
        The value, and the arrays by name: read-only views of one block of memory.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file has another format, or is damaged.
    """
    data = path.read_bytes()
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"it does not begin with {MAGIC.decode()}")
    begin = len(MAGIC) + 8
    n_header = int.from_bytes(data[len(MAGIC) : begin], "little")
    if n_header > len(data) - begin:
        raise ValueError(f"its header claims {n_header} bytes, but the file has {len(data)}")
    header = json.loads(data[begin : begin + n_header])
    arrays: dict[str, NDArray[Any]] = {}
    end, left = begin + n_header, len(data) - begin - n_header
    expected = 0
    for name, dtype_name, shape, start in header["arrays"]:
        dtype = np.dtype(dtype_name)
        if dtype.kind not in KINDS or any(n < 0 for n in shape) or start != expected:
            raise ValueError(f"array {name!r} is {dtype_name} {shape} at {start}")
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes > left - start:
            raise ValueError(f"array {name!r} claims {n_bytes} bytes, but {left - start} are left")
        array = np.frombuffer(data, dtype, math.prod(shape), end + start)
        arrays[name] = array.reshape(shape)
        expected += _padded(n_bytes)
    if expected != left:
        raise ValueError(f"its arrays take {expected} bytes, but {left} follow the header")
    return header["value"], arrays


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
