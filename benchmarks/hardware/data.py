"""Tables and images of the user's folder, divided into rows to learn from and to test on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.digits import divide as divide_images
from benchmarks.tables import Entry, kept_parts, read_catalog

__all__ = ["IMAGES", "MissingTable", "Parts", "images_folder", "images_parts", "table_parts"]

CATALOG = "catalog.csv"
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})
N_PREDICTED = 1000


class MissingTable(LookupError):
    """The folder has no table of a name; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One division of a table.

    Attributes:
        train: To learn from: a file, or a folder of images.
        questions: To predict: the same without the target.
        target: Its column; None for a folder, whose subfolders are the classes.
        task: ``binary``, ``multiclass`` or ``regression``.
        truth: The target of each question: texts, in the order of the rows for a table.
        names: File names of the questions, for images; empty for a table.
        whole: All rows, of a table.
        thousand: A folder of 1,000 images to predict; None for a table.
    """

    train: Path
    questions: Path
    target: str | None
    task: str
    truth: tuple[str, ...]
    names: tuple[str, ...] = ()
    whole: Path | None = None
    thousand: Path | None = None


def images_folder(folder: Path, name: str) -> Path | None:
    """The folder of images of this name, with a subfolder per class; None without one.

    It is the file of the catalog's table of this name, or the subfolder itself.
    """
    entry = _entries(folder).get(name)
    place = folder / name if entry is None else entry.file
    return place if place.is_dir() and any(_images(place)) else None


def table_parts(folder: Path, name: str, seed: int, scratch: Path) -> Parts:
    """Divides a table of the catalog.

    Args:
        folder: The user's, with ``catalog.csv``.
        name: Of the table.
        seed: Of the division.
        scratch: Where the parts are written.

    Raises:
        MissingTable: The catalog has no such table, or its file is missing.
    """
    catalog = folder / CATALOG
    if not catalog.is_file():
        raise MissingTable(f"{folder} has no {CATALOG} and no folder of images {name!r}")
    entries = _entries(folder)
    if name not in entries:
        raise MissingTable(f"{catalog} has no table {name!r}, and {folder} no images of this name")
    entry = entries[name]
    for file in (entry.file, entry.test):
        if file is not None and not file.is_file():
            raise MissingTable(f"table {name!r} of {catalog}: there is no file {file}")
    train, test, questions = kept_parts(entry, seed, scratch)
    truth = tuple(_column(test, entry.target))
    return Parts(train, questions, entry.target, entry.task, truth, whole=entry.file)


def images_parts(source: Path, seed: int, scratch: Path) -> Parts:
    """Divides a folder of images: four fifths of each class to learn from.

    The 1,000 images to predict are those to test on, repeated as often as needed.

    Args:
        source: The folder, of ``images_folder``.
        seed: Of the division.
        scratch: An empty folder, for links to the images.
    """
    truth = divide_images(source, scratch, seed)
    test, thousand = scratch / "test", scratch / "thousand"
    files = sorted(_images(test))
    for number in range(N_PREDICTED):
        image = files[number % len(files)]
        link = thousand / image.parent.name / f"{number:04}{image.suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(image.resolve())
    return Parts(
        scratch / "train",
        test,
        None,
        "multiclass",
        tuple(truth.values()),
        tuple(truth),
        thousand=thousand,
    )


def _entries(folder: Path) -> dict[str, Entry]:
    catalog = folder / CATALOG
    return {entry.name: entry for entry in read_catalog(catalog)} if catalog.is_file() else {}


def _images(place: Path) -> Iterable[Path]:
    return (path for path in place.glob("*/*") if path.suffix.lower() in IMAGES)


def _column(file: Path, name: str) -> list[str]:
    import pandas as pd

    values: list[str] = pd.read_csv(file, dtype=str, keep_default_na=False)[name].tolist()
    return values
