"""Measures one unit, by its kind, in processes of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.gpu import gpu_names
from benchmarks.hardware.data import table_parts
from benchmarks.hardware.row import PEER, SEARCH, Figures, Unit
from benchmarks.hardware.running import Plan
from benchmarks.hardware.searches import Place, measure_search
from benchmarks.honesty.running import tree_paths
from benchmarks.machine import ROOT
from benchmarks.process import run_watched
from benchmarks.results import read_results
from benchmarks.series import Series, run_series
from benchmarks.systems import find_systems
from benchmarks.tables import read_catalog

__all__ = ["measure", "peers_root"]


def measure(unit: Unit, plan: Plan, scratch: Path) -> Figures:
    """Measures a unit.

    Raises:
        MissingTable: The folder lacks its table.
        RuntimeError: It failed, or was killed.
    """
    if unit.kind == SEARCH:
        return measure_search(unit, Place(plan.data, plan.trees, scratch))
    if unit.kind == PEER:
        return _measure_peer(unit, plan, scratch)
    return _measure_nets(unit, plan, scratch)


def _measure_nets(unit: Unit, plan: Plan, scratch: Path) -> Figures:
    parts = table_parts(plan.data, unit.key["table"], 0, scratch / "parts")
    out = scratch / "figures.json"
    job = {
        "kind": unit.kind,
        "key": dict(unit.key),
        "file": str(parts.whole),
        "target": parts.target,
        "device": "gpu" if gpu_names() else "cpu",
        "out": str(out),
    }
    (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
    watched = run_watched(
        [sys.executable, "-P", "-m", "benchmarks.hardware.nets", str(scratch / "job.json")],
        scratch / "log.txt",
        unit.needs_s,
        env={**os.environ, "PYTHONPATH": tree_paths(ROOT), "TMPDIR": str(scratch)},
        folder=scratch,
    )
    if watched.timed_out or watched.status:
        why = f"killed after {watched.wall_s:.0f} s" if watched.timed_out else watched.error
        raise RuntimeError(why or f"exit status {watched.status}")
    figures: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return figures | {"others_cores": round(watched.others_cores, 3)}


def _measure_peer(unit: Unit, plan: Plan, scratch: Path) -> Figures:
    """Runs another system as ``benchmarks.compare`` does."""
    name, seed = unit.key["table"], unit.key["seed"]
    table_parts(plan.data, name, seed, scratch / "parts")  # refuses a table that is not there
    systems, missing = find_systems([unit.key["system"]], peers_root=peers_root())
    if missing:
        raise RuntimeError("; ".join(missing.values()))
    series = Series(
        entries=read_catalog(plan.data / "catalog.csv"),
        tables=[name],
        systems=systems,
        seeds=[seed],
        time_s=unit.key["time_s"],
        n_cores=len(os.sched_getaffinity(0)),
        results=scratch / "peer.jsonl",
        folder=scratch,
    )
    run_series(series)
    (result,) = read_results(scratch / "peer.jsonl")
    if result["error"]:
        raise RuntimeError(result["error"])
    names = ("score", "metric", "fit_s", "wall_s", "predict_s", "others_cores", "version")
    return {figure: result[figure] for figure in names}


def peers_root() -> Path | None:
    """Folder of the environments of other systems, from ``PEERS_ROOT``."""
    root = os.environ.get("PEERS_ROOT")
    return Path(root) if root else None
