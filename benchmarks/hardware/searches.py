"""Measures one search: its figures, and the score and seconds of its predictions."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.gpu import watched_gpu
from benchmarks.hardware.data import Parts, images_folder, images_parts, table_parts
from benchmarks.hardware.figures import busy_figures, gpu_figures, read_activity, run_figures
from benchmarks.hardware.row import ALL, NONE, Unit, search_limit_s
from benchmarks.honesty.running import tree_paths
from benchmarks.machine import cores_for
from benchmarks.process import run_watched
from benchmarks.scores import METRICS, score

__all__ = ["Place", "measure_search"]

HERE = Path(__file__).parent
FIRST_STEPS = "AUTOML_FIRST_STEPS"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit is measured.

    Attributes:
        data: Folder of the tables.
        trees: Checkout of each state, ``this`` and perhaps ``before``.
        scratch: A folder for this unit alone, removed after it.
    """

    data: Path
    trees: Mapping[str, Path]
    scratch: Path


class _Search:
    """Commands of one search, all with the same checkout, cores and GPUs."""

    def __init__(self, unit: Unit, place: Place, n_predictions: int) -> None:
        key = unit.key
        self.key, self.place = key, place
        self.predict_s = (unit.needs_s - search_limit_s(key["time_s"])) / n_predictions
        self.tree = place.trees[key["state"]]
        n_cores = len(os.sched_getaffinity(0)) if key["cores"] == ALL else key["cores"]
        self.cores = cores_for(n_cores)
        self.run = place.scratch / "run"
        self.steps = place.scratch / "steps"
        self.steps.mkdir()

    def environment(self) -> dict[str, str]:
        """Code of the checkout, temporary files in the scratch folder, and GPUs as asked."""
        paths = os.pathsep.join([tree_paths(self.tree), str(HERE / "hooks")])
        own = {"PYTHONPATH": paths, "TMPDIR": str(self.place.scratch), FIRST_STEPS: str(self.steps)}
        if self.key["gpus"] == NONE:  # predictions take no setting
            own["CUDA_VISIBLE_DEVICES"] = ""
        return {**os.environ, **own}

    def search(self, parts: Parts) -> dict[str, Any]:
        """Runs the search; returns its figures.

        Raises:
            RuntimeError: It was killed or failed; the text is the end of its output.
        """
        time_s, activity = self.key["time_s"], self.place.scratch / "activity.jsonl"
        job = {
            "tree": str(self.tree),
            "train": str(parts.train),
            "target": parts.target,
            "task": parts.task,
            "metric": METRICS[parts.task],
            "time_s": time_s,
            "seed": self.key["seed"],
            "out": str(self.run),
            "overrides": ["scheduler.gpus=[]"] if self.key["gpus"] == NONE else [],
            "activity": str(activity),
        }
        file = self.place.scratch / "job.json"
        file.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-P", str(HERE / "searcher.py"), str(file)]
        with watched_gpu(self.key["gpus"] == ALL) as samples:
            watched = self._run(command, "search", search_limit_s(time_s))
        fits = read_activity(activity)
        return {
            "wall_s": round(watched.wall_s, 2),
            "others_cores": round(watched.others_cores, 3),
            "peak_gib": round(watched.peak_gib, 2),
            "first_step_s": self._first_step_s(watched.started_at),
            **run_figures(self.run, fits, time_s),
            **busy_figures(self.run, fits, len(self.cores), time_s),
            **gpu_figures(samples, watched.started_at, time_s),
        }

    def predict(self, questions: Path, name: str, *, proba: bool) -> tuple[pd.DataFrame, float]:
        """Predictions by a command of its own, and its seconds."""
        out = self.place.scratch / f"{name}.csv"
        words = ["predict", str(self.run), str(questions), "--out", str(out)]
        command = [sys.executable, "-P", "-m", "automl", *words, *["--proba"] * proba]
        watched = self._run(command, name, self.predict_s)
        return pd.read_csv(out, dtype=str if not proba else None), watched.wall_s

    def _run(self, command: list[str], name: str, limit_s: float) -> Any:
        log = self.place.scratch / f"{name}.log"
        watched = run_watched(
            command,
            log,
            limit_s,
            cores=self.cores,
            env=self.environment(),
            folder=self.place.scratch,
        )
        if watched.timed_out:
            raise RuntimeError(f"{name} was killed after {watched.wall_s:.0f} s")
        if watched.status:
            raise RuntimeError(f"{name} ended with status {watched.status}: {watched.error}")
        return watched

    def _first_step_s(self, started_at: float) -> float | None:
        times = [float(path.read_text("utf-8")) for path in self.steps.iterdir()]
        return round(min(times) - started_at, 2) if times else None


def measure_search(unit: Unit, place: Place) -> dict[str, Any]:
    """Searches, predicts the rows apart, and scores them.

    Args:
        unit: Of ``row.search_unit``.
        place: Where it is measured.

    Returns:
        Figures of ``benchmarks.hardware.figures``, and ``score``, ``metric``, ``predict_s``; for
        images ``errors``, ``n_test`` and ``thousand_s`` as well.

    Raises:
        MissingTable: The folder lacks the table.
        RuntimeError: A command was killed or failed.
    """
    name, seed = unit.key["table"], unit.key["seed"]
    images = images_folder(place.data, name)
    if images is not None:
        parts = images_parts(images, seed, place.scratch)
    else:
        parts = table_parts(place.data, name, seed, place.scratch / "parts")
    search = _Search(unit, place, 1 if images is None else 2)
    figures = search.search(parts)
    if parts.thousand is not None:
        return figures | _judge_images(search, parts)
    found, seconds = search.predict(parts.questions, "predict", proba=parts.task != "regression")
    value = score(parts.task, parts.truth, found.astype(float))
    own = {"score": value, "metric": METRICS[parts.task], "predict_s": round(seconds, 2)}
    return figures | own


def _judge_images(search: _Search, parts: Parts) -> dict[str, Any]:
    found, seconds = search.predict(parts.questions, "predict", proba=False)
    by_file = dict(zip(found.iloc[:, 0], found.iloc[:, 1], strict=True))
    pairs = zip(parts.names, parts.truth, strict=True)
    n_wrong = sum(by_file[file] != label for file, label in pairs)
    assert parts.thousand is not None
    _, thousand_s = search.predict(parts.thousand, "thousand", proba=False)
    return {
        "errors": n_wrong,
        "n_test": len(parts.truth),
        "score": n_wrong / len(parts.truth),
        "metric": "error_rate",
        "predict_s": round(seconds, 2),
        "thousand_s": round(thousand_s, 2),
    }
