"""Opens files safely: only regular ones, with a limit on the decompressed size."""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from automl.errors import DataError, did_you_mean
from automl.formatting import first_line

__all__ = ["detect_compression", "direct", "is_utf8", "open_decompressed", "require_regular_file"]

MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "bz2": b"BZh"}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
LARGEST_BYTES = 20 << 30
BOMB_BYTES = 128 << 20
BLOCK_BYTES = 1 << 22
BOMB_RATIO = 200
"""Largest ratio of decompressed to compressed bytes beyond ``BOMB_BYTES``."""


def require_regular_file(path: Path) -> None:
    """Checks that a path is a regular, non-empty file, without opening it.

    Raises:
        DataError: It is not; the message suggests the nearest name in its folder.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise DataError(_missing(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{str(path)[:200]!r} cannot be opened: {reason}: name a file") from None
    if stat.S_ISDIR(found.st_mode):
        inside = sorted(p.name for p in path.iterdir() if p.is_file())[:5]
        names = f", such as {', '.join(inside)}" if inside else ""
        raise DataError(f"{path} is a directory: name one file in it{names}")
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is a pipe, device or socket: name a regular file")
    if found.st_size == 0:
        raise DataError(f"{path} is empty: it needs a line of column names and rows below it")


def _missing(path: Path) -> str:
    folder = path.parent
    if path.is_symlink():
        end = path.readlink()
        return f"there is no file {path}: it is a link to {end}, which does not exist: name a file"
    if not os.path.isdir(folder):  # noqa: PTH112  (it never raises, however long a name is)
        return f"there is no file {path}: the folder {folder} does not exist: name a file"
    names = [p.name for p in folder.iterdir()]
    return f"there is no file {path}{did_you_mean(path.name, names)}"


def detect_compression(path: Path) -> str | None:
    """Returns ``gzip``, ``zstd``, ``bz2`` or None, by the first bytes of a file.

    Raises:
        DataError: The file is not compressed, though its name ends like that.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    found = next((name for name, magic in MAGIC.items() if start.startswith(magic)), None)
    suffix = path.suffix.lower()
    if suffix in COMPRESSIONS and found != COMPRESSIONS[suffix]:
        raise DataError(
            f"{path} is not a {COMPRESSIONS[suffix]} file, though its name ends in {suffix}: "
            "compress it, or remove that ending"
        )
    return found


def open_decompressed(path: Path, compression: str | None) -> BinaryIO:
    """Opens a file for reading its decompressed bytes.

    Reading raises DataError if a compressed file is damaged, or exceeds the limits of this module.
    """
    if compression is None:
        return path.open("rb")
    compressed = pa.OSFile(str(path), "rb")
    capped = _Capped(pa.CompressedInputStream(compressed, compression), compressed, path)
    return cast(BinaryIO, io.BufferedReader(capped, buffer_size=1 << 20))


def direct(file: BinaryIO) -> Any:
    """Returns Arrow's own file for an uncompressed file, which saves copies."""
    raw = getattr(file, "raw", None)
    return pa.OSFile(os.fspath(raw.name)) if isinstance(raw, io.FileIO) else file


def is_utf8(open_file: Callable[[], BinaryIO]) -> bool:
    """Whether all bytes of a file are text in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open_file() as file:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


class _Capped(io.RawIOBase):
    """A decompressing stream with a size limit."""

    def __init__(self, source: Any, compressed: Any, path: Path) -> None:
        self._source, self._compressed, self._path = source, compressed, path
        self._n_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data: bytes = self._source.read(len(buffer))
        except (OSError, EOFError, pa.ArrowException) as error:
            raise DataError(
                f"{self._path} is a damaged compressed file: {first_line(error, 150)}. Download or "
                "compress it again"
            ) from None
        buffer[: len(data)] = data
        self._n_read += len(data)
        if self._n_read > BOMB_BYTES:
            self._check_growth()
        return len(data)

    def _check_growth(self) -> None:
        """Checks the ratio of the part read so far, so that large files are refused early too.

        Raises:
            DataError: The stream exceeds the limits.
        """
        n_consumed = self._compressed.tell()
        if self._n_read > min(LARGEST_BYTES, BOMB_RATIO * n_consumed):
            raise DataError(
                f"{self._path} grows to more than {self._n_read >> 20:,} MiB when the first "
                f"{n_consumed:,} bytes of it are decompressed. If that is right, decompress it "
                "first"
            )

    def close(self) -> None:
        self._source.close()
        super().close()
