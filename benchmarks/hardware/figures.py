"""Figures of a finished search, from its run directory and from samples taken beside it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.gpu import GpuSample

__all__ = [
    "CPU_FROM_S",
    "GPU_FROM_S",
    "NETS",
    "Activity",
    "busy_figures",
    "gpu_figures",
    "read_activity",
    "run_figures",
]

NETS = ("mlp", "realmlp", "resnet", "tabm")
"""Families of nets for tables."""

CPU_FROM_S, GPU_FROM_S = 3.0, 5.0
"""Seconds from the start of the search after which cores and GPU have to be busy."""

EARLIER_SHARE = 0.6
"""Share of the budget after which the ensemble of a long search should still get better."""

Activity = Sequence[tuple[float, Sequence[str], str]]
"""Seconds since the start of the run, the fits that ran then, such as ``mlp-0/fold-1``, and the
stage of the search, such as ``searching``. A fit runs from when its slot is leased."""


def read_activity(path: Path) -> list[tuple[float, list[str], str]]:
    """Reads what ``searcher`` noted; empty without a file."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines()
    return [(at, running, stage) for at, running, stage in map(json.loads, lines)]


def run_figures(run: Path, activity: Activity, time_s: float) -> dict[str, Any]:
    """Trials by state, nets, and the ensemble over time.

    Scores of the ensemble are those while the search goes on: at its end they are corrected, which
    is no gain of the last seconds.

    Args:
        run: The run directory.
        activity: The fits that ran over time.
        time_s: Budget of the search.
    """
    records, events = _records(run), _events(run)
    finished = [event for event in events if event["event"] == "SearchFinished"]
    weights = finished[-1]["weights"] if finished else {}
    states: dict[str, dict[str, int]] = {}
    first_s: dict[str, float] = {}
    for record in records:
        family, state = record["spec"]["family"], record["state"]
        counts = states.setdefault(family, {})
        counts[state] = counts.get(state, 0) + 1
        if state == "complete" and record.get("finished_s") is not None:
            first_s[family] = min(first_s.get(family, float("inf")), record["finished_s"])
    end_s = min((at for at, _, stage in activity if stage != "searching"), default=float("inf"))
    updates = [event for event in events if event["event"] == "EnsembleUpdated"]
    ensembles = [(e["elapsed_s"], e["score"]) for e in updates if e["elapsed_s"] <= end_s]
    nets = {name: states.get(name, {}) for name in NETS}
    return {
        "trials": states,
        "nets_failed": sum(counts.get("failed", 0) for counts in nets.values()),
        "nets_in_ensemble": sum(trial.rpartition("-")[0] in NETS for trial in weights),
        "nets_complete_s": {n: round(first_s[n], 2) for n in NETS if n in first_s},
        "weights": dict(weights),
        "stopped_by": finished[-1]["stopped_by"] if finished else "",
        "ensemble_earlier": _last(s for at, s in ensembles if at <= EARLIER_SHARE * time_s),
        "ensemble_end": _last(score for _, score in ensembles),
    }


def busy_figures(run: Path, activity: Activity, n_cores: int, time_s: float) -> dict[str, Any]:
    """Use of the cores by fits.

    A fit takes as many cores as it has threads, shared among the fits of its pack. Those of a fit
    that never finished are taken from other fits of its trial, or of its family.

    Args:
        run: The run directory.
        activity: The fits that ran over time.
        n_cores: Cores of the search.
        time_s: Its budget; after it no core counts as busy.

    Returns:
        ``cpu_busy``: share of the cores' time with fits, from 3 s to the end of the budget;
        ``cpu_recorded``: share of the cores' whole time in fits that finished, by their own clocks;
        ``incomplete_share``: share of the fits' time in trials that never completed.
    """
    records = _records(run)
    weight, of_trial, of_family = _weights(records)
    complete = {_trial_id(record) for record in records if record["state"] == "complete"}
    busy_s, all_s, lost_s = 0.0, 0.0, 0.0
    for (at, running, _), (until, _, _) in pairwise(activity):
        loads = {}
        for fit in running:
            trial = fit.partition("/")[0]
            family = trial.rpartition("-")[0]
            loads[fit] = weight.get(fit, of_trial.get(trial, of_family.get(family, 1.0)))
        total = sum(loads.values())
        scale = min(1.0, n_cores / total) if total else 0.0
        lost = sum(load for f, load in loads.items() if f.partition("/")[0] not in complete)
        all_s += (until - at) * total * scale
        lost_s += (until - at) * lost * scale
        busy_s += max(0.0, min(until, time_s) - max(at, CPU_FROM_S)) * total * scale
    counted_s = n_cores * max(0.0, time_s - CPU_FROM_S)
    return {
        "cpu_busy": busy_s / counted_s if activity and counted_s else None,
        "cpu_recorded": _recorded_s(records) / (n_cores * time_s),
        "incomplete_share": lost_s / all_s if all_s else None,
    }


def gpu_figures(samples: Iterable[GpuSample], started_at: float, time_s: float) -> dict[str, Any]:
    """Use of the GPU from 5 s to the end of the budget; figures are None without samples.

    Args:
        samples: Taken while the search ran.
        started_at: ``time.monotonic()`` at its start.
        time_s: Its budget.
    """
    counted = [s for s in samples if GPU_FROM_S <= s.at - started_at <= time_s]
    active = [s.sm_active for s in counted if s.sm_active is not None]
    return {
        "gpu_busy": statistics.fmean(s.busy for s in counted) if counted else None,
        "gpu_sm_active": statistics.fmean(active) if active else None,
        "gpu_memory_mib": max((s.memory_mib for s in counted), default=None),
    }


def _recorded_s(records: Iterable[Mapping[str, Any]]) -> float:
    """Seconds of encoding, fitting and predicting of all finished fits, times their threads."""
    names, total = ("encode_s", "fit_s", "predict_s"), 0.0
    for record in records:
        for fold in record["folds"]:
            total += fold.get("n_threads", 1) * sum(fold.get(name, 0.0) for name in names)
    return total


def _weights(
    records: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Cores of each finished fit, and means over trials and families."""
    weight: dict[str, float] = {}
    trials: dict[str, list[float]] = {}
    families: dict[str, list[float]] = {}
    for record in records:
        trial = _trial_id(record)
        for fold in record["folds"]:
            own = fold.get("n_threads", 1) / fold.get("n_members", 1)
            weight[f"{trial}/fold-{fold['fold']}"] = own
            trials.setdefault(trial, []).append(own)
            families.setdefault(record["spec"]["family"], []).append(own)
    return weight, _means(trials), _means(families)


def _means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.fmean(own) for name, own in values.items()}


def _trial_id(record: Mapping[str, Any]) -> str:
    return f"{record['spec']['family']}-{record['spec']['number']}"


def _records(run: Path) -> list[dict[str, Any]]:
    """Records of trials as JSON: those of an older checkout have other fields."""
    return [json.loads(path.read_bytes()) for path in sorted(run.glob("trials/*/trial.json"))]


def _events(run: Path) -> list[dict[str, Any]]:
    path = run / "log.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _last(values: Iterable[Any]) -> Any:
    found = list(values)
    return found[-1] if found else None
