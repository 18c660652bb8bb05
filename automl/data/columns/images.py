"""Decodes image files in parallel to pixels of one shape, within size limits."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import DataError, MissingExtraError
from automl.formatting import first_line

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "IMAGE_ENDINGS",
    "ImageShape",
    "are_images",
    "choose_shape",
    "decode",
    "decode_most",
    "some_of",
]

IMAGE_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"),
)
_ENDS = rf"(?i)({'|'.join(map(re.escape, IMAGE_ENDINGS))})\s*$"
FEWEST_FILES = 100  # one of them must exist; missing ones are reported when they are read
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Accepted formats, whatever the file name; Pillow starts other programs for some others."""

MOST_PIXELS = 50_000_000
"""Largest image; a larger one is refused by its header, before it takes memory."""

MOST_WORKERS = 4  # each holds one file in full size
MOST_SHOWN = 3
GREY_MODES = frozenset({"1", "L", "I", "I;16", "I;16B", "I;16L"})

ImageShape = tuple[int, int, int]
"""Height, width and channels: 1 for grey, 3 for red, green and blue."""

T = TypeVar("T")


def are_images(distinct: pa.Array, folder: Path) -> bool:
    """Whether all texts, ``(n,)``, have an ending of image files, and such files exist."""
    if not pc.all(pc.match_substring_regex(distinct, _ENDS)).as_py():
        return False
    try:
        return any(
            (folder / name.strip()).is_file() for name in distinct[:FEWEST_FILES].to_pylist()
        )
    except (OSError, ValueError):
        return False


def choose_shape(paths: Sequence[Path], longest: int) -> ImageShape:
    """Chooses a common shape: the median height and width, and grey if all images are grey.

    Args:
        paths: The files; only their headers are read.
        longest: Largest number of pixels of the longer side; larger shapes are scaled down.

    Raises:
        DataError: Files are missing, broken, too large or not images; the message names the first.
        MissingExtraError: Pillow is not installed.
    """
    results = _each(_header, paths)
    _refuse([result for result in results if isinstance(result, DataError)])
    headers = [result for result in results if not isinstance(result, DataError)]
    height, width = (float(np.median(side)) for side in zip(*(h[:2] for h in headers), strict=True))
    scale = min(1.0, longest / max(height, width))
    channels = 1 if all(is_grey for _, _, is_grey in headers) else 3
    return max(1, round(height * scale)), max(1, round(width * scale)), channels


def decode(paths: Sequence[Path | None], shape: ImageShape) -> NDArray[np.uint8]:
    """Decodes images and resizes them to one shape; the aspect ratio is not kept.

    Args:
        paths: The files; None for a missing image, which becomes black.
        shape: Height, width and channels.

    Returns:
        ``(n_images, height, width, channels)``.

    Raises:
        DataError: Files are missing, broken, too large or not images; the message names the first.
        MissingExtraError: Pillow is not installed.
    """
    pixels, broken = decode_most(paths, shape)
    _refuse(list(broken.values()))
    return pixels


def decode_most(
    paths: Sequence[Path | None], shape: ImageShape
) -> tuple[NDArray[np.uint8], Mapping[int, DataError]]:
    """Decodes the images that can be read; the others stay black.

    Args:
        paths: The files; None for a missing image.
        shape: Height, width and channels.

    Returns:
        ``(n_images, height, width, channels)``, and the errors of files by their position.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    pixels = np.zeros((len(paths), *shape), dtype=np.uint8)

    def read(number: int) -> None:
        path = paths[number]
        if path is not None:
            pixels[number] = _pixels(path, shape)

    results = _each(read, range(len(paths)))
    return pixels, {i: r for i, r in enumerate(results) if isinstance(r, DataError)}


def some_of(failures: Sequence[DataError]) -> str:
    """The first failures as text, and the number of the others."""
    shown = "; ".join(str(failure) for failure in failures[:MOST_SHOWN])
    more = len(failures) - MOST_SHOWN
    return f"{shown}; and {more:,} more files" if more > 0 else shown


def _refuse(failures: Sequence[DataError]) -> None:
    if failures:
        raise DataError(f"{some_of(failures)}. Fix or replace these files, or empty their cells")


def _each(work: Callable[[Any], T], items: Sequence[Any]) -> list[T | DataError]:
    """Applies ``work`` to each item in threads: Pillow releases the GIL while decoding.

    Returns:
        The result of each item, or its DataError.
    """
    _pillow()
    with ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as pool:
        return list(pool.map(partial(_caught, work), items))


def _caught(work: Callable[[Any], T], item: Any) -> T | DataError:
    try:
        return work(item)
    except DataError as error:
        return error


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("a column of images", "PIL", "images") from error
    return Image


def _open(path: Path) -> Image:
    """Opens an image file and reads only its header.

    Raises:
        DataError: The file is not a readable image, or too large.
    """
    pillow = _pillow()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path} is not a regular file")
        image: Image = pillow.open(path, formats=FORMATS)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        raise DataError(_too_large(path)) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} is not an image, or is damaged: {first_line(error)}") from None
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise DataError(_too_large(path))
    return image


def _too_large(path: Path) -> str:
    return f"{path} is larger than {MOST_PIXELS // 10**6} million pixels: scale it down first"


def _header(path: Path) -> tuple[int, int, bool]:
    """Height, width, and whether the image is grey."""
    with _open(path) as image:
        return image.height, image.width, image.mode in GREY_MODES


def _pixels(path: Path, shape: ImageShape) -> NDArray[np.uint8]:
    height, width, channels = shape
    with _open(path) as image:
        try:
            # A JPEG is decoded at its smallest scale that is large enough.
            image.draft("L" if channels == 1 else "RGB", (2 * width, 2 * height))
            plain = _plain(image, "L" if channels == 1 else "RGB")
        except (OSError, ValueError, SyntaxError, MemoryError) as error:
            raise DataError(f"{path} is a damaged image: {first_line(error)}") from None
    if plain.size != (width, height):
        from PIL.Image import Resampling

        plain = plain.resize((width, height), Resampling.BILINEAR)
    return np.asarray(plain, dtype=np.uint8).reshape(shape)


def _plain(image: Image, mode: str) -> Image:
    """Rotates an image upright, and makes it opaque on white with 8 bits per channel."""
    from PIL import Image as pillow
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16-bit grey, which Pillow would clip instead of scale
        deep = np.asarray(upright).astype(np.int64)
        upright = pillow.fromarray((deep.clip(0, 65_535) >> 8).astype(np.uint8))
    elif upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        white = pillow.new("RGBA", clear.size, "white")
        upright = pillow.alpha_composite(white, clear)
    return upright.convert(mode)
