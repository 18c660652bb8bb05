"""Measures packs of nets on one device, in a process of its own.

    python -m benchmarks.hardware.nets JOB.json

``pack`` counts the members a second, ``steps`` the milliseconds of a step: until the device has
done it, inside the call that starts it, and of the device's own work.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import packs
from benchmarks.hardware.row import PACK

__all__ = ["StepTimes", "main", "measure_pack", "measure_steps"]

PROFILED = range(20, 30)
"""Steps of the device's work, after the first ones, which may be slower."""


def main(job: Mapping[str, Any]) -> None:
    """Measures the unit of a job and writes its figures."""
    key = job["key"]
    options = argparse.Namespace(
        csv=Path(job["file"]),
        target=job["target"],
        modules=(),
        params=key["params"],
        folds=key["folds"],
        epochs=key["epochs"],
    )
    (slot,) = packs.slots([1], job["device"])
    problem = packs.open_problem(key["family"], options, n_gpus=slot.n_gpus)
    measure = measure_pack if job["kind"] == PACK else measure_steps
    Path(job["out"]).write_text(json.dumps(measure(problem, slot)), encoding="utf-8")


def measure_pack(problem: packs.Problem, slot: packs.Slot) -> dict[str, Any]:
    """Members a second where all params and folds are packed."""
    context, groups = packs.prepare(problem, slot)
    way = packs.run_packs(problem, context, groups)
    return {
        "members_per_s": problem.n_fits / way.seconds,
        "n_members": problem.n_fits,
        "n_packs": len(groups),
        "fit_s": way.seconds,
        "n_epochs": way.n_epochs,
        "gpu_busy": None if way.gpu_share != way.gpu_share else way.gpu_share,
        "score": float(way.scores.mean()),
    }


def measure_steps(problem: packs.Problem, slot: packs.Slot) -> dict[str, Any]:
    """Milliseconds of a step of a pack: once as it is, and on a GPU once more with a profiler."""
    plain = _timed(problem, slot, StepTimes(_synchronise(slot)))
    figures: dict[str, Any] = {
        "n_members": problem.n_fits,
        "n_steps": plain.n_steps,
        "step_ms": 1e3 * plain.training_s / max(1, plain.n_steps),
        "call_ms": 1e3 * plain.calls_s / max(1, plain.n_steps),
        "gpu_ms": None,
    }
    if slot.device != "cpu":
        profiled = _timed(problem, slot, StepTimes(_synchronise(slot), is_profiled=True))
        figures["gpu_ms"] = profiled.device_ms
    return figures


@dataclass(slots=True)
class StepTimes:
    """Times of the steps of all training loops of this process.

    Attributes:
        synchronise: Waits until the device has done its work.
        is_profiled: Whether the work of some steps is measured on the device.
        clock: Returns the time in seconds.
        n_steps: Steps that were done.
        training_s: Seconds of epochs without their evaluations, until the device was done.
        calls_s: Seconds inside the calls of steps.
        device_ms: Milliseconds of the device's work a step; None without a profile.
    """

    synchronise: Callable[[], None]
    is_profiled: bool = False
    clock: Callable[[], float] = time.perf_counter
    n_steps: int = 0
    training_s: float = 0.0
    calls_s: float = 0.0
    device_ms: float | None = None
    _profiler: Any = field(default=None, repr=False)

    def wrapped(self, train: Callable[..., int]) -> Callable[..., int]:
        """A training loop whose steps are timed."""

        def timed(trainee: Any, *arguments: Any, **named: Any) -> int:
            return train(_Timed(trainee, self), *arguments, **named)

        return timed

    def step(self, step: Callable[[], None]) -> None:
        """Does a step."""
        if self.is_profiled and self.n_steps == PROFILED.start:
            self._start_profile()
        started = self.clock()
        step()
        self.calls_s += self.clock() - started
        self.n_steps += 1
        if self._profiler is not None and self.n_steps == PROFILED.stop:
            self._end_profile()

    def _start_profile(self) -> None:
        from torch.profiler import ProfilerActivity, profile

        self.synchronise()
        self._profiler = profile(activities=[ProfilerActivity.CUDA])
        self._profiler.__enter__()

    def _end_profile(self) -> None:
        self.synchronise()
        self._profiler.__exit__(None, None, None)
        averages = self._profiler.key_averages()
        total_us = sum(event.self_device_time_total for event in averages)
        self.device_ms, self._profiler = total_us / len(PROFILED) / 1e3, None


class _Timed:
    """A ``Trainable`` that passes all on, and times its steps."""

    def __init__(self, trainee: Any, times: StepTimes) -> None:
        self._trainee, self._times = trainee, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainee, name)

    def batches(self) -> Iterator[Any]:
        """Rows of the steps of an epoch; the clock runs until the device has done the last one."""
        times = self._times
        times.synchronise()
        started = times.clock()
        try:
            yield from self._trainee.batches()
        finally:  # the last epoch may end before its rows do
            times.synchronise()
            times.training_s += times.clock() - started

    def step(self, *arguments: Any) -> None:
        """Does a step."""
        self._times.step(lambda: self._trainee.step(*arguments))


def _timed(problem: packs.Problem, slot: packs.Slot, times: StepTimes) -> StepTimes:
    training: Any = importlib.import_module("automl_plugins.torch.tabular.training.pack_training")
    context, groups = packs.prepare(problem, slot)
    plain = training.train
    training.train = times.wrapped(plain)
    try:
        packs.run_packs(problem, context, groups)
    finally:
        training.train = plain
    return times


def _synchronise(slot: packs.Slot) -> Callable[[], None]:
    import torch

    return torch.cuda.synchronize if slot.device != "cpu" else lambda: None


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
