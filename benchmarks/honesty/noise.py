"""Noise: nothing can be known, so a score that is better than chance flatters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.honesty.draws import noise
from benchmarks.honesty.row import (
    Key,
    Line,
    Parts,
    Row,
    Unit,
    Verdict,
    mean_and_error,
    merged,
    values,
)
from benchmarks.honesty.searches import small_search
from benchmarks.honesty.stages import at_a_fixed_stage, stages_are_kept

__all__ = ["ENSEMBLE_ROW", "FAMILIES", "FAMILIES_ROW", "QUICK", "STAGES_ROW"]

FAMILIES = (
    "lightgbm",
    "xgboost",
    "catboost",
    "ebm",
    "linear",
    "svm",
    "forest",
    "knn",
    "mlp",
    "realmlp",
)
QUICK = ("lightgbm", "xgboost", "linear", "forest", "knn")
CHANCE = 0.5
N_ROWS, N_FEW_ROWS = 1000, 150
SEEDS, FEW_ROWS_SEEDS = 30, 16
TRIALS = 60
BAR, STAGE_BAR = 0.015, 0.03


def _units(n_rows: int, n_seeds: int, parts: tuple[str, ...]) -> list[Unit]:
    return [Unit({"rows": n_rows, "seed": seed}, parts) for seed in range(n_seeds)]


def _measure_families(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    drawn = noise(key["rows"], key["seed"])
    return small_search(drawn.frame, folder, parts, seed=key["seed"]).said()


def _measure_stages(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    drawn = noise(key["rows"], key["seed"])
    with stages_are_kept():
        opened = small_search(drawn.frame, folder, parts, seed=key["seed"])
    said = opened.said()
    for family, result in said.items():
        if "said" in result:
            result["fixed"] = at_a_fixed_stage(opened, f"{family}-0")
            if result["fixed"] is not None:
                result["bias"] = result["said"] - result["fixed"]
    return said


def _measure_ensemble(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    drawn = noise(key["rows"], key["seed"])
    opened = small_search(drawn.frame, folder, QUICK, trials=TRIALS, seed=key["seed"])
    return dict.fromkeys(parts, opened.ensemble())


def _judge(lines: Sequence[Line], n_rows: int, n_seeds: int) -> list[Verdict]:
    units = merged(lines)
    verdicts = []
    for part, said in values(units, "said").items():
        mean, error = mean_and_error(said)
        is_met = abs(mean - CHANCE) <= BAR if n_rows == N_ROWS else None
        bar = f"{CHANCE} ± {BAR}" if n_rows == N_ROWS else ""
        what = f"{part}: mean AUC that is said on {n_rows:,} rows"
        value = f"{mean:.4f} ± {error:.4f}"
        verdicts.append(Verdict(what, value, bar, is_met, len(said), n_seeds))
    return verdicts


def _judge_families(lines: Sequence[Line]) -> list[Verdict]:
    return _judge(lines, N_ROWS, SEEDS)


def _judge_stages(lines: Sequence[Line]) -> list[Verdict]:
    verdicts = _judge(lines, N_FEW_ROWS, FEW_ROWS_SEEDS)
    for part, bias in values(merged(lines), "bias").items():
        mean, error = mean_and_error(bias)
        what = f"{part}: said less the same fits at a fixed stage, {N_FEW_ROWS} rows"
        value = f"{mean:+.4f} ± {error:.4f}"
        verdicts.append(
            Verdict(what, value, f"< {STAGE_BAR}", mean < STAGE_BAR, len(bias), FEW_ROWS_SEEDS)
        )
    return verdicts


FAMILIES_ROW = Row(
    name="noise",
    what=f"{N_ROWS:,} x 12 columns of noise, each family alone, first params",
    seeds=SEEDS,
    parts=FAMILIES,
    units=lambda n_seeds, parts: _units(N_ROWS, n_seeds, parts),
    measure=_measure_families,
    judge=_judge_families,
)
STAGES_ROW = Row(
    name="stages",
    what=f"{N_FEW_ROWS} x 12 columns of noise, each family against a fixed stage of its fits",
    seeds=FEW_ROWS_SEEDS,
    parts=FAMILIES,
    units=lambda n_seeds, parts: _units(N_FEW_ROWS, n_seeds, parts),
    measure=_measure_stages,
    judge=_judge_stages,
)
ENSEMBLE_ROW = Row(
    name="noise-ensemble",
    what=f"{N_ROWS:,} x 12 columns of noise, the ensemble after {TRIALS} trials",
    seeds=SEEDS,
    parts=("ensemble",),
    units=lambda n_seeds, parts: _units(N_ROWS, n_seeds, parts),
    measure=_measure_ensemble,
    judge=_judge_families,
)
