"""Reads a folder of images as a table: one path per row, with its subfolder as the class."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from automl.data.columns.images import IMAGE_ENDINGS
from automl.data.raw_table import RawTable
from automl.errors import DataError

__all__ = ["IMAGE_COLUMN", "LABEL_COLUMN", "read_folder"]

IMAGE_COLUMN, LABEL_COLUMN = "image", "label"


def read_folder(folder: Path) -> RawTable:
    """Reads a folder with one subfolder per class, or a flat folder of unlabelled images.

    Rows are sorted by path. Images may be nested deeper in the subfolder of their class.

    Raises:
        DataError: The folder has no images, or has images both in subfolders and beside them.
    """
    try:
        inner = (path.relative_to(folder) for path in folder.rglob("*"))
        files = sorted(
            path
            for path in inner
            if path.suffix.lower() in IMAGE_ENDINGS
            and not any(part.startswith(".") for part in path.parts)
        )
        inside = sorted(path.name for path in folder.iterdir() if path.is_file())[:5]
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from None
    if not files:
        names = f", such as {', '.join(inside)}" if inside else ""
        raise DataError(
            f"{folder} is a directory: name one file in it{names}; or a folder of images "
            f"({', '.join(IMAGE_ENDINGS[:3])}, ...) with one subfolder per class"
        )
    flat = [file for file in files if len(file.parts) == 1]
    if flat and len(flat) < len(files):
        raise DataError(
            f"{folder} has images in subfolders and beside them, such as {flat[0]}: put each "
            "into the subfolder of its class"
        )
    paths = pa.array([file.as_posix() for file in files], pa.string())
    columns = {IMAGE_COLUMN: paths}
    if not flat:
        # As categories, so that class names of digits are not read as numbers.
        columns[LABEL_COLUMN] = pa.array([f.parts[0] for f in files]).dictionary_encode()
    return RawTable(
        names=tuple(columns),
        columns=tuple(pa.chunked_array([column]) for column in columns.values()),
        where=str(folder),
        folder=folder,
        row_names=("image", paths),
    )
