"""Runs units that are not kept yet, as many as end in time, and keeps their figures."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.gpu import gpu_names
from benchmarks.hardware.data import MissingTable
from benchmarks.hardware.row import Figures, Line, Unit, identity
from benchmarks.machine import ROOT, describe_machine, git_version
from benchmarks.results import append_result, read_results

__all__ = ["RESULTS", "Outcome", "Plan", "device_name", "kept_units", "lines_of", "run_units"]

RESULTS = ROOT / "runs" / "hardware" / "results.jsonl"
LIBRARIES = ("automl-search", "catboost", "lightgbm", "numpy", "optuna", "torch", "xgboost")

Measure = Callable[[Unit, "Plan", Path], Figures]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and how.

    Attributes:
        data: Folder of the tables.
        results: File of the results.
        limit_s: Seconds after which everything has ended.
        label: Name of the state that is measured: results of another one count as missing.
        before: An older checkout, for rows that compare; None without one.
        clock: Returns the time in seconds.
    """

    data: Path
    results: Path = RESULTS
    limit_s: float = 530.0
    label: str = "now"
    before: Path | None = None
    clock: Callable[[], float] = time.monotonic

    @property
    def trees(self) -> dict[str, Path]:
        """Checkouts by state."""
        return {"this": ROOT} | ({} if self.before is None else {"before": self.before})


@dataclass(slots=True)
class Outcome:
    """What one call did.

    Attributes:
        n_kept: Units that were there already.
        n_done: Units that were measured without an error.
        missing: Tables that the folder lacks, as texts.
        failed: Units that failed, with the reason.
        left: Units for which no time was left.
    """

    n_kept: int = 0
    n_done: int = 0
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[Unit] = field(default_factory=list)


def device_name() -> str:
    """The GPUs and cores that a search would use, such as ``NVIDIA H200, 16 cores``."""
    n_cores, names = len(os.sched_getaffinity(0)), gpu_names()
    gpus = "no GPU" if not names else f"{len(names)} x {names[0]}" if names[1:] else names[0]
    return f"{gpus}, {n_cores} core{'s' * (n_cores != 1)}"


def kept_units(results: Path, label: str, device: str) -> set[str]:
    """Identities of the units that have figures of this device under this label."""
    return {
        identity(line["kind"], line["key"])
        for line in read_results(results)
        if line["label"] == label and line["device"] == device and "error" not in line["figures"]
    }


def run_units(units: Iterable[Unit], plan: Plan, device: str, measure: Measure) -> Outcome:
    """Measures what is not kept yet, one unit after another, and begins none that may end too late.

    Args:
        units: What to measure, in this order; equal ones are measured once.
        plan: How.
        device: Name of the device, for the results.
        measure: Measures one unit, in the folder it is given.
    """
    started, outcome = plan.clock(), Outcome()
    kept = kept_units(plan.results, plan.label, device)
    machine = describe_machine()
    wanted = {identity(unit.kind, unit.key): unit for unit in units}
    for own, unit in wanted.items():
        if own in kept:
            outcome.n_kept += 1
            continue
        if plan.clock() - started + unit.needs_s > plan.limit_s:
            outcome.left.append(unit)
            continue
        try:
            figures = _figures(unit, plan, measure)
        except MissingTable as error:
            outcome.missing.append(str(error))
            continue
        tree = plan.trees[unit.key.get("state", "this")]
        append_result(plan.results, _header(unit, plan, device, tree, machine) | figures)
        if "error" not in figures["figures"]:
            outcome.n_done += 1
        else:
            outcome.failed.append(f"{unit}: {figures['figures']['error']}")
        print(f"{unit}: {_told(figures['figures'])}", file=sys.stderr, flush=True)
    return outcome


def _figures(unit: Unit, plan: Plan, measure: Measure) -> dict[str, Any]:
    """Figures of a unit, or the error that ended it, and what else went on meanwhile."""
    started, wall_s = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hardware-", ignore_cleanup_errors=True) as scratch:
        try:
            figures = dict(measure(unit, plan, Path(scratch)))
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            figures = {"error": f"{type(error).__name__}: {error}"}
    taken_s = round(time.monotonic() - wall_s, 2)
    return {"started": started, "unit_s": taken_s, "figures": figures}


def _header(
    unit: Unit, plan: Plan, device: str, tree: Path, machine: dict[str, Any]
) -> dict[str, Any]:
    return {
        "kind": unit.kind,
        "key": dict(unit.key),
        "label": plan.label,
        "device": device,
        "cores": len(os.sched_getaffinity(0)),
        "git": git_version(tree),
        "benchmarks": git_version(),
        "machine": machine,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _told(figures: Figures) -> str:
    """Figures in a line, without those that are no numbers."""
    if "error" in figures:
        return str(figures["error"]).splitlines()[-1]
    numbers = {k: v for k, v in figures.items() if isinstance(v, int | float)}
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def lines_of(units: Sequence[Unit], results: Sequence[Line]) -> list[Line]:
    """The last line of each unit that has figures, in the order of the units."""
    latest = {
        identity(line["kind"], line["key"]): line
        for line in results
        if "error" not in line["figures"]
    }
    names = [identity(unit.kind, unit.key) for unit in units]
    return [latest[name] for name in names if name in latest]
