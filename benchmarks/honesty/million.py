"""A million rows in a minute, on a quiet and on a busy machine: what ships was scored."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.honesty.generator import best_auc, draw_rows, write_tables
from benchmarks.honesty.row import TABLES, Key, Line, Parts, Row, Unit, Verdict, merged
from benchmarks.honesty.searches import Opened

__all__ = ["ROW", "beside_a_load", "boosted", "table_of"]

N_ROWS, N_NEW = 1_000_000, 100_000
NEW_SEED = 1000
TIME_S = 60.0
SEEDS = 3
LOADS = (0, 2)
FORMATS = ("parquet", "csv")
AUC_BAR, ROUNDS_BAR = 0.005, 0.9


def _units(n_seeds: int, parts: tuple[str, ...]) -> list[Unit]:
    return [
        Unit({"rows": N_ROWS, "time_s": TIME_S, "load": load, "format": kind, "seed": seed}, parts)
        for seed in range(n_seeds)
        for kind in FORMATS
        for load in LOADS
    ]


def _measure(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    import automl

    path = table_of(key, Path(os.environ.get(TABLES, folder)))
    with beside_a_load(key["load"]):
        automl.search(
            str(path), target="y", time_s=key["time_s"], seed=key["seed"], out=str(folder / "run")
        )
    opened, new = Opened(folder / "run"), draw_rows(N_NEW, NEW_SEED)
    result = {**opened.ensemble(), "best": best_auc(new), "rounds": boosted(opened)}
    if "said" in result:
        result["new"] = opened.product(new)
    return dict.fromkeys(parts, result)


def table_of(key: Key, folder: Path) -> Path:
    """The table of a unit; it is drawn once for a seed, and written in all formats at once."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"rows-{key['rows']}-{key['seed']}.{kind}" for kind in FORMATS}
    missing = [path for path in paths.values() if not path.exists()]
    if missing:
        write_tables(missing, key["rows"], key["seed"])
    return paths[key["format"]]


@contextlib.contextmanager
def beside_a_load(n_processes: int) -> Iterator[None]:
    """Keeps so many processes busy meanwhile."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_processes)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def boosted(opened: Opened) -> dict[str, dict[str, float]]:
    """Boosters of the ensemble that were refitted: how far they went, and how far their folds did.

    How far is the sum of the learning rates of all trees: a refit may take larger steps.
    """
    found: dict[str, dict[str, float]] = {}
    run = opened.opened.run
    for member in opened.opened.predictor.ensemble.members:
        if member.folds != (-1,):
            continue
        by_fold = {
            path.parent.name: _way(path)
            for path in sorted(run.trial(member.trial).glob("fold-*/model"))
        }
        refit = by_fold.pop("fold--1", None)
        ways = [way for way in by_fold.values() if way is not None]
        if refit is not None and ways:
            found[member.trial] = {"refit": refit, "folds": float(np.mean(ways))}
    return found


def _way(model: Path) -> float | None:
    """Sum of the learning rates of all trees of a model; None of what is no booster."""
    for path in model.iterdir():
        if path.suffix == ".txt":
            return _lightgbm_way(path)
        if path.suffix == ".ubj":
            return _xgboost_way(path)
        if path.suffix == ".cbm":
            return _catboost_way(path)
    return None


def _lightgbm_way(path: Path) -> float:
    lines = path.read_text("utf-8").splitlines()
    rates = [float(line.partition("=")[2]) for line in lines if line.startswith("shrinkage=")]
    # the first tree has the rate 1 where it holds the mean
    return sum(rate for rate in rates if rate < 1)


def _xgboost_way(path: Path) -> float:
    import xgboost

    booster = xgboost.Booster(model_file=str(path))
    config = json.loads(booster.save_config())
    rate = _find(config, "learning_rate") or _find(config, "eta") or "1"
    return booster.num_boosted_rounds() * float(rate)


def _catboost_way(path: Path) -> float:
    import catboost

    booster = catboost.CatBoost().load_model(str(path))
    return float(booster.tree_count_ * booster.get_all_params().get("learning_rate", 1.0))


def _find(config: Any, name: str) -> Any:
    """The first value of this name in nested dictionaries."""
    if not isinstance(config, dict):
        return None
    if name in config:
        return config[name]
    return next((v for v in (_find(inner, name) for inner in config.values()) if v), None)


def _judge(lines: Sequence[Line]) -> list[Verdict]:
    verdicts = []
    asked = SEEDS * len(FORMATS)
    units = [(key, parts["ensemble"]) for key, parts in merged(lines)]
    for load in LOADS:
        own = [result for key, result in units if key["load"] == load]
        done = [result for result in own if result.get("new") is not None]
        beside = "quiet machine" if not load else f"beside {load} busy processes"
        if not own:
            continue
        gaps = [result["new"] - result["said"] for result in done]
        if gaps:
            worst = max(gaps, key=abs)
            value = f"{worst:+.4f} of {len(gaps)}"
            is_met = abs(worst) <= AUC_BAR and len(done) == len(own)
            what = f"{beside}: new rows less said, the largest difference"
            verdicts.append(Verdict(what, value, f"± {AUC_BAR}", is_met, len(own), asked))
            value = f"{np.mean([result['new'] for result in done]):.4f}"
            best = np.mean([result["best"] for result in done])
            what = f"{beside}: AUC on new rows, mean (the best there is: {best:.4f})"
            verdicts.append(Verdict(what, value, "", None, len(done), asked))
        ratios = [
            way["refit"] / way["folds"] for result in done for way in result["rounds"].values()
        ]
        value = f"{min(ratios):.2f}" if ratios else "no refit"
        is_met = not ratios or min(ratios) >= ROUNDS_BAR
        what = f"{beside}: sum of the learning rates of a refit over that of its folds, the least"
        verdicts.append(Verdict(what, value, f">= {ROUNDS_BAR}", is_met, len(done), asked))
    return verdicts


ROW = Row(
    name="million",
    what=f"{N_ROWS:,} rows in {TIME_S:.0f} s",
    seeds=SEEDS,
    parts=("ensemble",),
    units=_units,
    measure=_measure,
    judge=_judge,
    is_timed=True,
    limit_s=600.0,
)
