"""Runs units that are not done yet, each in a process of its own, and keeps what they give."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.honesty.row import TABLES, Line, Row, Unit, merged
from benchmarks.machine import ROOT, cores_for, describe_machine, git_version
from benchmarks.process import run_watched
from benchmarks.results import append_result, read_results
from benchmarks.systems import THREADS

__all__ = ["RESULTS", "Plan", "environment", "lines_of", "missing_units", "run_row", "tree_paths"]

RESULTS = ROOT / "benchmarks" / "honesty" / "results"
"""A file of JSON lines for each row."""

WORKER = ROOT / "benchmarks" / "honesty" / "worker.py"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and how.

    Attributes:
        label: Name of the state that is measured, such as ``before``.
        tree: The checkout that is measured.
        seeds: Number of seeds; None for all of a row.
        parts: Families, or ``ensemble``; empty for those of a row.
        jobs: Processes side by side, where seconds do not count.
        cores: Cores of a unit whose seconds count.
        results: Folder of the results.
        retry: Whether to repeat parts that failed.
    """

    label: str
    tree: Path = ROOT
    seeds: int | None = None
    parts: tuple[str, ...] = ()
    jobs: int = 1
    cores: int = 2
    results: Path = RESULTS
    retry: bool = False


def lines_of(row: Row, results: Path, label: str) -> list[Line]:
    """What is kept of a row under a label."""
    path = results / f"{row.name}.jsonl"
    return [line for line in read_results(path) if line["label"] == label]


def missing_units(row: Row, plan: Plan) -> list[Unit]:
    """Units that are not kept yet, each with the parts it lacks."""
    kept = {
        repr(sorted(key.items())): {
            p for p, r in parts.items() if not (plan.retry and "error" in r)
        }
        for key, parts in merged(lines_of(row, plan.results, plan.label))
    }
    n_seeds = row.seeds if plan.seeds is None else plan.seeds
    parts = tuple(part for part in plan.parts or row.parts if part in row.parts)
    if not parts:
        raise SystemExit(f"{row.name} has none of these parts; it has {', '.join(row.parts)}")
    missing = []
    for unit in row.units(n_seeds, parts):
        done = kept.get(repr(sorted(unit.key.items())), set())
        lacking = tuple(part for part in unit.parts if part not in done)
        if lacking:
            missing.append(Unit(unit.key, lacking))
    return missing


def run_row(row: Row, plan: Plan) -> None:
    """Runs what is missing of a row, and says on the standard error how it goes."""
    units = missing_units(row, plan)
    git, machine = git_version(plan.tree), describe_machine()
    for number, (unit, result) in enumerate(_run_all(row, units, plan), 1):
        line = {
            "row": row.name,
            "label": plan.label,
            "key": dict(unit.key),
            "git": git,
            "benchmarks": git_version(),
            "machine": machine,
            **result,
        }
        append_result(plan.results / f"{row.name}.jsonl", line)
        failed = [f"{p}: {r['error']}" for p, r in line["parts"].items() if "error" in r]
        told = f"{row.name} {plan.label} {number}/{len(units)} {dict(unit.key)}"
        print(f"{told} {line['wall_s']:.0f} s {'; '.join(failed)}", file=sys.stderr, flush=True)


def _run_all(row: Row, units: Sequence[Unit], plan: Plan) -> Iterator[tuple[Unit, dict[str, Any]]]:
    jobs = 1 if row.is_timed else plan.jobs
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(_run_one, row, unit, plan): unit for unit in units}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _run_one(row: Row, unit: Unit, plan: Plan) -> dict[str, Any]:
    """Runs a unit in a process; returns its parts and what it took."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="honesty-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        job = {
            "row": row.name,
            "key": dict(unit.key),
            "parts": list(unit.parts),
            "tree": str(plan.tree),
            "folder": str(folder / "work"),
            "out": str(folder / "parts.json"),
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        watched = run_watched(
            [sys.executable, "-P", str(WORKER), str(folder / "job.json")],
            folder / "log.txt",
            row.limit_s,
            cores=cores_for(plan.cores) if row.is_timed else (),
            env=environment(plan.tree, plan.cores if row.is_timed else 1, folder),
            folder=folder,
        )
        out = folder / "parts.json"
        if out.exists():
            parts = json.loads(out.read_text("utf-8"))
        else:
            why = f"killed after {watched.wall_s:.0f} s" if watched.timed_out else watched.error
            why = why or f"exit status {watched.status}"
            parts = {part: {"error": why} for part in unit.parts}
    for part in unit.parts:
        parts.setdefault(part, {"error": "it has no result"})
    return {
        "parts": parts,
        "started": started,
        "wall_s": round(watched.wall_s, 2),
        "others_cores": round(watched.others_cores, 3),
    }


def tree_paths(tree: Path) -> str:
    """The ``PYTHONPATH`` under which a checkout is imported."""
    return os.pathsep.join(str(tree / name) for name in ("", "plugins", "conf"))


def environment(tree: Path, threads: int, scratch: Path) -> dict[str, str]:
    """The environment of a worker; ours may name another folder for the tables of all units."""
    return {
        TABLES: str(Path(tempfile.gettempdir()) / "automl-honesty-tables"),
        **os.environ,
        "PYTHONPATH": tree_paths(tree),
        "TMPDIR": str(scratch),
        "CUDA_VISIBLE_DEVICES": "",
        **dict.fromkeys(THREADS, str(threads)),
    }
