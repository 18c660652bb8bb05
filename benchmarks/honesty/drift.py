"""A shift half way through time: what predicts next has to know the newest rows, and say so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.honesty.draws import Drawn
from benchmarks.honesty.noise import FAMILIES
from benchmarks.honesty.row import Key, Line, Parts, Row, Unit, Verdict, merged
from benchmarks.honesty.searches import small_search

__all__ = ["ROW", "shifted"]

FEW_ROWS, MANY_ROWS = 360, 12_000
SHIFTS = ("level", "rate")
AHEAD = 1 / 9
"""Rows to come, as a share of those there are."""

LEVELS, RATES = (0.0, 8.0), (0.2, 0.6)
SEEDS = 3
RATIO_BAR = 1.2
SAID_BAR = 0.3
ENSEMBLE = "ensemble"
MEMBERS = ("baseline", "lightgbm", "linear", "forest", "knn", "ebm")
TRIALS = 10
HELD_AGAINST_PLAIN = ("lightgbm", "xgboost", "catboost", "ebm", "forest", ENSEMBLE)
N_NODES = 25


def shifted(n_rows: int, seed: int, shift: str) -> tuple[pd.DataFrame, Drawn]:
    """Rows in the order of time with a shift half way, and the rows that come next.

    Args:
        n_rows: Rows there are.
        seed: Of the draws.
        shift: ``level`` of a number, or ``rate`` of a class.
    """
    random = np.random.default_rng([seed, n_rows, SHIFTS.index(shift), 5])
    n_all = n_rows + round(AHEAD * n_rows)
    step = "h" if n_rows > FEW_ROWS else "D"
    day = pd.date_range("2021-03-01", periods=n_all, freq=step).strftime("%Y-%m-%d %H:%M")
    is_late = (np.arange(n_all) >= n_rows // 2).astype(int)
    a, b = random.normal(size=(2, n_all))
    frame = pd.DataFrame({"day": day, "a": a.round(4), "b": b.round(4)})
    if shift == "level":
        middle = np.array(LEVELS)[is_late] + a
        frame["y"] = middle + random.normal(size=n_all)
        outcomes, chances = _normal(middle)
    else:
        chance = np.array(RATES)[is_late]
        frame["y"] = np.where(random.random(n_all) < chance, "yes", "no")
        outcomes = np.tile(np.array(["no", "yes"]), (n_all, 1))
        chances = np.column_stack([1 - chance, chance])
    new = Drawn(frame[n_rows:].reset_index(drop=True), outcomes[n_rows:], chances[n_rows:])
    return frame[:n_rows].copy(), new


def _normal(middle: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.stats import norm

    nodes = norm.ppf((np.arange(N_NODES) + 0.5) / N_NODES)
    nodes /= nodes.std()
    return middle[:, None] + nodes, np.full((len(middle), N_NODES), 1 / N_NODES)


def _units(n_seeds: int, parts: tuple[str, ...]) -> list[Unit]:
    return [
        Unit({"rows": n_rows, "shift": shift, "seed": seed}, parts)
        for seed in range(n_seeds)
        for n_rows in (FEW_ROWS, MANY_ROWS)
        for shift in SHIFTS
    ]


def _measure(key: Key, parts: Sequence[str], folder: Path) -> Parts:
    train, new = shifted(key["rows"], key["seed"], key["shift"])
    metric = "rmse" if key["shift"] == "level" else "log_loss"
    plain = _plain(train, new, metric)
    found: Parts = {}
    for part in parts:
        more: dict[str, Any] = {"metric": metric, "seed": key["seed"]}
        families = [part]
        if part == ENSEMBLE:
            families, more["trials"] = list(MEMBERS), TRIALS
        in_time: dict[str, Any] = {"time_column": "day", "settings": {"search.folds": None}}
        opened = small_search(train, folder, families, **more, **in_time)
        result = opened.ensemble()
        if "said" in result:
            result |= {"new": opened.product(new), "plain": plain}
            if part != ENSEMBLE:  # the same params, and folds that have seen all times
                whole = {"data.kinds": {"day": "datetime"}}
                result["all"] = small_search(
                    train, folder, families, settings=whole, **more
                ).product(new)
        found[part] = result
    return found


def _plain(train: pd.DataFrame, new: Drawn, metric: str) -> float:
    """Loss of LightGBM with its defaults on all rows."""
    import lightgbm

    from automl.metrics import get_metric
    from automl.plugin import Task

    def matrix(frame: pd.DataFrame) -> NDArray[np.float64]:
        hours = pd.to_datetime(frame["day"]).to_numpy().astype("datetime64[h]").astype(float)
        return np.column_stack([hours, frame["a"], frame["b"]])

    if metric == "rmse":
        model = lightgbm.LGBMRegressor(verbose=-1, n_jobs=1).fit(matrix(train), train["y"])
        prediction, classes = model.predict(matrix(new.frame)), ()
    else:
        model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1).fit(matrix(train), train["y"])
        prediction, classes = model.predict_proba(matrix(new.frame)), ("no", "yes")
    task = Task.REGRESSION if metric == "rmse" else Task.BINARY
    return new.score(get_metric(metric, task), classes, np.asarray(prediction))


def _judge(lines: Sequence[Line]) -> list[Verdict]:
    units = merged(lines)
    verdicts = []
    for n_rows in (FEW_ROWS, MANY_ROWS):
        for shift in SHIFTS:
            own = [parts for key, parts in units if (key["rows"], key["shift"]) == (n_rows, shift)]
            ways = {
                "loss of the next rows over that of the same family on all rows": _ratios(
                    own, "new", "all"
                ),
                "loss of the next rows over that of plain LightGBM on all rows": {
                    part: ratio
                    for part, ratio in _ratios(own, "new", "plain").items()
                    if part in HELD_AGAINST_PLAIN
                },
                "what is said over the loss of the next rows": _ratios(own, "said", "new"),
            }
            for told, ratios in ways.items():
                if ratios:
                    what = f"{shift}, {n_rows:,} rows: {told}"
                    verdicts.append(_verdict(what, ratios, told.startswith("what"), len(own)))
    return verdicts


def _ratios(units: Sequence[Parts], over: str, under: str) -> dict[str, float]:
    """Ratio of two losses by part, each the mean over the seeds."""
    found = {}
    for part in (*FAMILIES, ENSEMBLE):
        done = [u[part] for u in units if u.get(part, {}).get(under) is not None]
        if done:
            means = [np.mean([result[name] for result in done]) for name in (over, under)]
            found[part] = float(means[0] / means[1])
    return found


def _verdict(what: str, ratios: dict[str, float], is_said: bool, n: int) -> Verdict:
    """How many parts keep the bar, with those that do not, or the one that is nearest to it."""
    low, high = (1 - SAID_BAR, 1 + SAID_BAR) if is_said else (0.0, RATIO_BAR)
    outside = {part: ratio for part, ratio in ratios.items() if not low <= ratio <= high}
    worst = max(ratios, key=lambda part: abs(np.log(ratios[part])) if is_said else ratios[part])
    named = ", ".join(f"{part} {ratio:.2f}" for part, ratio in outside.items())
    value = f"{len(ratios) - len(outside)} of {len(ratios)}; "
    value += f"not {named}" if outside else f"the worst {worst} {ratios[worst]:.2f}"
    bar = f"{low:g} to {high:g}" if is_said else f"<= {high}"
    return Verdict(what, value, bar, not outside, n, SEEDS)


ROW = Row(
    name="drift",
    what="a shift half way through time: the next rows, against fits on all rows",
    seeds=SEEDS,
    parts=(*FAMILIES, ENSEMBLE),
    units=_units,
    measure=_measure,
    judge=_judge,
)
