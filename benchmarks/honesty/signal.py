"""A weak signal on few rows: what is said, what the models give on new rows, and who is first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.honesty.draws import signal
from benchmarks.honesty.noise import FAMILIES
from benchmarks.honesty.row import Key, Line, Parts, Row, Unit, Verdict, mean_and_error, merged
from benchmarks.honesty.searches import small_search

__all__ = ["ROW"]

N_ROWS, N_NEW = 300, 4000
SEEDS = 60
FOLDS_BAR = 0.015
PRODUCT_BAR = (-0.015, 0.03)
ENSEMBLE = "ensemble"


def _units(n_seeds: int, parts: tuple[str, ...]) -> list[Unit]:
    return [Unit({"rows": N_ROWS, "seed": seed}, parts) for seed in range(n_seeds)]


def _measure(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    drawn, new = signal(key["rows"], key["seed"]), signal(N_NEW, key["seed"], draw=1)
    families = [part for part in parts if part != ENSEMBLE]
    opened = small_search(drawn.frame, folder, families, seed=key["seed"])
    found = opened.said()
    for family, result in found.items():
        if "said" in result:
            result["folds"] = opened.single_folds(family, new)
            result["product"] = opened.single(family, new)
    if ENSEMBLE in parts:
        found[ENSEMBLE] = {**opened.ensemble(), "product": opened.product(new)}
    return found


def _judge(lines: Sequence[Line]) -> list[Verdict]:
    units = merged(lines)
    verdicts = [
        *_differences(units, "folds", -FOLDS_BAR, FOLDS_BAR),
        *_differences(units, "product", *PRODUCT_BAR),
    ]
    orders = [o for o in (_spearman(parts) for _, parts in units) if np.isfinite(o)]
    if orders:
        mean, error = mean_and_error(orders)
        value = f"{mean:.3f} ± {error:.3f}"
        what = "order of the families on the board and on new rows, Spearman"
        verdicts.append(Verdict(what, value, "", None, len(orders), SEEDS))
        firsts = [_is_first_right(parts) for _, parts in units]
        value = f"{np.mean(firsts):.0%}"
        what = "the board's first family is among the best three on new rows"
        verdicts.append(Verdict(what, value, "", None, len(firsts), SEEDS))
    return verdicts


def _differences(
    units: Sequence[tuple[Key, Parts]], name: str, low: float, high: float
) -> list[Verdict]:
    """Mean of what new rows give less what is said, by part."""
    found: dict[str, list[float]] = {}
    for _, parts in units:
        for part, result in parts.items():
            if result.get(name) is not None and result.get("said") is not None:
                found.setdefault(part, []).append(result[name] - result["said"])
    whose = {"folds": "models of the folds, each alone", "product": "what predicts"}[name]
    verdicts = []
    for part, differences in found.items():
        mean, error = mean_and_error(differences)
        what = f"{part}: new rows less said, {whose}"
        value = f"{mean:+.4f} ± {error:.4f}"
        bar = f"{low:+} to {high:+}"
        is_met = low <= mean <= high
        verdicts.append(Verdict(what, value, bar, is_met, len(differences), SEEDS))
    return verdicts


def _both(parts: Parts) -> tuple[list[float], list[float]]:
    """What is said of each family, and what it gives on new rows."""
    both = [
        (float(result["said"]), float(result["product"]))
        for part, result in parts.items()
        if part != ENSEMBLE and result.get("product") is not None
    ]
    return [said for said, _ in both], [new for _, new in both]


def _spearman(parts: Parts) -> float:
    from scipy.stats import spearmanr

    said, new = _both(parts)
    return float(spearmanr(said, new).statistic) if len(said) > 2 else float("nan")


def _is_first_right(parts: Parts) -> bool:
    said, new = _both(parts)
    return bool(said) and new[int(np.argmax(said))] >= sorted(new)[-3:][0]


ROW = Row(
    name="signal",
    what=f"{N_ROWS} rows of a weak signal: said against new rows, family by family",
    seeds=SEEDS,
    parts=(*FAMILIES, ENSEMBLE),
    units=_units,
    measure=_measure,
    judge=_judge,
)
