"""The family of ``ExecutorTestCase``, whose fits succeed, fail, hang or crash on request."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import StorageError
from automl.plugin import (
    FittedModel,
    Fold,
    IterativeFamily,
    ModelFamily,
    PackedFamily,
    Params,
    ProblemInfo,
    Report,
    Suggest,
    TrialContext,
    hookimpl,
)

__all__ = ["automl_model_families"]

N_REPORTS = 3


@dataclass(frozen=True, slots=True)
class _Constant:
    """Predicts the same probabilities for every row."""

    probabilities: tuple[float, ...]

    def predict(self, X: Any) -> NDArray[np.float64]:
        return np.tile(self.probabilities, (len(X), 1))


class _Steady(PackedFamily, IterativeFamily):
    """Reports three times and succeeds; its model depends on fold and seed."""

    name = "steady"
    fidelity = "steps"
    packable_params = frozenset({"do"})

    def max_pack_size(self, params: Params, problem: ProblemInfo) -> int:
        """Any number of fits is a pack."""
        return sys.maxsize

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Nothing to search."""
        return {}

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Performs the action ``do`` after the first report."""
        report(1, 0.5)
        _DEEDS[params.get("do", "succeed")](report)
        for step in range(2, N_REPORTS + 1):
            report(step, 0.5)
        share = float(np.mean(fold.y_train == 1))
        p = (share + np.random.default_rng(context.seed).uniform()) / 2
        return _Constant((1 - p, p))

    def save(self, model: Any, path: Path) -> None:
        """Writes the probabilities."""
        (path / "model.json").write_text(json.dumps(model.probabilities))

    def load(self, path: Path) -> FittedModel:
        """Reads the probabilities."""
        return _Constant(tuple(json.loads((path / "model.json").read_text())))


def _succeed(report: Report) -> None:
    """Does nothing."""


def _raise(report: Report) -> None:
    raise ArithmeticError("no such number")


def _fill_the_disk(report: Report) -> None:
    raise StorageError("the disk is full")


def _last(report: Report) -> None:
    """Reports every 10 ms for minutes."""
    for step in range(2, 60_000):
        report(step, 0.5)
        time.sleep(0.01)


def _wander(report: Report) -> None:
    os.chdir("/")
    os.environ["AUTOML_WANDERED"] = "yes"


def _exit(report: Report) -> None:
    os._exit(3)


def _be_killed(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _look_around(report: Report) -> None:
    assert "AUTOML_WANDERED" not in os.environ, "the environment of another fit was left behind"
    assert str(Path.cwd()) != "/", "the folder of another fit was left behind"


_DEEDS = {
    "succeed": _succeed,
    "raise": _raise,
    "fill the disk": _fill_the_disk,
    "last": _last,
    "wander": _wander,
    "look around": _look_around,
    "exit": _exit,
    "be killed": _be_killed,
}


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """The family of the suite."""
    return [_Steady()]
