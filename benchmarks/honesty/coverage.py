"""Many small searches: how often the interval of the ensemble holds what new rows give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.honesty.draws import World
from benchmarks.honesty.row import Key, Line, Parts, Row, Unit, Verdict, merged
from benchmarks.honesty.searches import Opened, small_search

__all__ = ["CELLS", "ROW", "bootstrap_error"]

CELLS = (
    *((task, 100, "folds") for task in ("binary", "multiclass", "regression", "quantile")),
    ("binary", 300, "weights"),
    ("binary", 300, "groups"),
    ("binary", 1000, "folds"),
    ("binary", 1000, "holdout"),
    ("binary", 5000, "folds"),
    ("multiclass", 300, "groups"),
    ("multiclass", 1000, "weights"),
    ("multiclass", 5000, "holdout"),
    ("regression", 300, "weights"),
    ("regression", 1000, "groups"),
    ("regression", 1000, "holdout"),
    ("regression", 5000, "folds"),
    ("quantile", 300, "groups"),
    ("quantile", 300, "weights"),
    ("quantile", 1000, "holdout"),
    ("quantile", 1000, "folds"),
)
"""Task, rows and plan. The plans of ``groups`` and ``weights`` are folds."""

SEEDS = 10
FAMILIES = ("lightgbm", "linear", "forest", "knn")
TRIALS = 8
N_NEW = 4000
NEW = 1  # draw of the new rows; the rows of the search are draw 0
HELD_OF_200 = (180, 198)
LEAST_SHARE = 0.8
WIDEST = 1.6
WIDTH = 1.96
DRAWS = 200


def _units(n_seeds: int, parts: tuple[str, ...]) -> list[Unit]:
    """In turns over the cells, so that a part of them tells of all; every other has a signal."""
    return [
        Unit({"task": task, "rows": rows, "plan": plan, "seed": seed}, parts)
        for seed in range(n_seeds)
        for task, rows, plan in CELLS
    ]


def _measure(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    task, plan, seed = key["task"], key["plan"], key["seed"]
    groups, weights = plan == "groups", plan == "weights"
    number = CELLS.index((task, key["rows"], plan))
    world = World(
        task,
        has_signal=seed % 2 == 0,
        seed=1000 * seed + number,
        has_groups=groups,
        has_weights=weights,
    )
    drawn, new = world.rows(key["rows"], 0), world.rows(N_NEW, NEW)
    opened = small_search(
        drawn.frame,
        folder,
        FAMILIES,
        trials=TRIALS,
        task=task,
        seed=seed,
        group="g" if groups else None,
        weight="w" if weights else None,
        settings={"search.folds": 1 if plan == "holdout" else 5},
    )
    result = opened.ensemble()
    if "said" in result:
        result["truth"] = opened.product(new)
        result["folds"] = opened.ensemble_folds(new)
        result["bootstrap"] = _plain_error(opened, seed)
        result["best"] = opened.greater_is_better
    return dict.fromkeys(parts, result)


def _plain_error(opened: Opened, seed: int) -> float:
    """Standard error by a bootstrap over the rows of the honest predictions."""
    plan, dataset = opened.opened.plan, opened.opened.dataset
    prediction = opened.honest_predictions()
    fold = np.full(len(dataset.y), -1)
    for number, division in enumerate(plan.splits):
        fold[division.valid] = number
    return bootstrap_error(opened.opened.metric, dataset.y, prediction, fold, dataset.weight, seed)


def bootstrap_error(
    metric: Any,
    y: NDArray[Any],
    prediction: NDArray[np.float64],
    fold: NDArray[np.int64],
    weight: NDArray[np.float64] | None,
    seed: int,
) -> float:
    """Standard deviation of the score over draws of rows with replacement.

    Args:
        metric: A metric of ours.
        y: Class indices or values, ``(n_rows,)``.
        prediction: Out-of-fold predictions; rows of NaN are left out.
        fold: The fold of each row: scores that rank are means over folds.
        weight: Of each row.
        seed: Of the draws.
    """
    random = np.random.default_rng(seed)
    seen = np.isfinite(prediction.reshape(len(prediction), -1)).all(axis=1) & (fold >= 0)
    rows = np.flatnonzero(seen)
    scores = []
    for _ in range(DRAWS):
        drawn = random.choice(rows, len(rows))
        weights = None if weight is None else weight[drawn]
        scores.append(metric.score_folds(y[drawn], prediction[drawn], fold[drawn], weights))
    return float(np.nanstd(scores, ddof=1))


def _judge(lines: Sequence[Line]) -> list[Verdict]:
    done = [
        (key, parts["ensemble"])
        for key, parts in merged(lines)
        if parts.get("ensemble", {}).get("truth") is not None
    ]
    if not done:
        return []
    asked, n = SEEDS * len(CELLS), len(done)
    held = [_is_held(result) for _, result in done]
    low, high = (share / 200 * n for share in HELD_OF_200)
    verdicts = [
        Verdict(
            "intervals that hold the truth",
            f"{sum(held)} of {n}",
            f"{low:.0f} to {high:.0f}",
            low <= sum(held) <= high,
            n,
            asked,
        )
    ]
    ratios = [
        (result["high"] - result["low"]) / (2 * WIDTH * result["bootstrap"])
        for _, result in done
        if result["low"] is not None and result["bootstrap"] > 0
    ]
    if ratios:
        mean = float(np.mean(ratios))
        what = "width over that of a plain bootstrap over rows, mean"
        verdicts.append(
            Verdict(what, f"{mean:.2f}", f"<= {WIDEST}", mean <= WIDEST, len(ratios), asked)
        )
    for cell in CELLS:
        inside = [
            is_held
            for (key, _), is_held in zip(done, held, strict=True)
            if (key["task"], key["rows"], key["plan"]) == cell
        ]
        if inside:
            task, rows, plan = cell
            share = float(np.mean(inside))
            value = f"{sum(inside)} of {len(inside)}"
            bar, is_met = f">= {LEAST_SHARE:.0%}", share >= LEAST_SHARE
            what = f"{task}, {rows:,} rows, {plan}"
            verdicts.append(Verdict(what, value, bar, is_met, len(inside), SEEDS))
    return verdicts


def _is_held(result: dict[str, Any]) -> bool:
    """Whether the truth lies in the interval; none at all holds nothing."""
    if result["low"] is None or result["high"] is None:
        return False
    return bool(result["low"] <= result["truth"] <= result["high"])


ROW = Row(
    name="coverage",
    what=f"{SEEDS * len(CELLS)} small searches: whether the interval holds what new rows give",
    seeds=SEEDS,
    parts=("ensemble",),
    units=_units,
    measure=_measure,
    judge=_judge,
)
