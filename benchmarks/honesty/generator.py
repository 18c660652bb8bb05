"""A large table with a known law: two classes, numbers and categories of many levels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.honesty.draws import Drawn

__all__ = ["best_auc", "draw_rows", "write_tables"]

N_NUMERIC = 20
LEVELS = (4, 8, 16, 40, 100, 250, 600, 1200, 2500, 5000)
SKEWED = range(14, N_NUMERIC)
WITH_GAPS = (2, 9, 15)
SHARE_MISSING = 0.06
CHUNK_ROWS = 200_000
LAW = 20_261


def draw_rows(n_rows: int, seed: int) -> Drawn:
    """Draws rows; the law is the same for every seed.

    Args:
        n_rows: Rows to draw.
        seed: Of the rows.
    """
    law, random = np.random.default_rng(LAW), np.random.default_rng([LAW, seed])
    x = random.normal(size=(n_rows, N_NUMERIC))
    codes, effects = [], []
    for n_levels in LEVELS:
        effect = law.normal(size=n_levels)
        frequency = 1 / (np.arange(n_levels) + 3.0)  # few levels are frequent
        code = random.choice(n_levels, size=n_rows, p=frequency / frequency.sum())
        codes.append(code)
        effects.append(effect[code])
    logit = _logit(x, effects)
    chance = 1 / (1 + np.exp(-logit))
    label = np.where(random.random(n_rows) < chance, "yes", "no")
    outcomes = np.tile(np.array(["no", "yes"]), (n_rows, 1))
    chances = np.column_stack([1 - chance, chance])
    return Drawn(_frame(x, codes, label, random), outcomes, chances)


def best_auc(drawn: Drawn) -> float:
    """The AUC of who knows the law."""
    from automl.metrics import default_metric
    from automl.plugin import Task

    return drawn.score(default_metric(Task.BINARY), ("no", "yes"), drawn.chances)


def write_tables(paths: Sequence[Path], n_rows: int, seed: int) -> None:
    """Writes rows that are drawn once, as CSV or Parquet by the ending of each path."""
    frame = draw_rows(n_rows, seed).frame
    for path in paths:
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        if path.suffix == ".csv":
            frame.to_csv(draft, index=False, chunksize=CHUNK_ROWS)
        else:
            frame.to_parquet(draft, index=False)
        draft.rename(path)


def _logit(x: NDArray[np.float64], effects: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    smooth = 0.9 * np.cos(1.5 * x[:, 0]) + 0.6 * x[:, 1] + 0.4 * np.abs(x[:, 2]) - 0.5 * x[:, 14]
    products = 0.7 * x[:, 3] * x[:, 4] + 0.6 * np.where(x[:, 5] > 0.3, x[:, 6], -0.2)
    levels = 0.4 * effects[1] + 0.5 * effects[4] + 0.6 * effects[7] + 0.6 * effects[9]
    mixed = 0.5 * effects[3] * np.tanh(x[:, 7]) + 0.3 * effects[2] * effects[0]
    result: NDArray[np.float64] = smooth + products + levels + mixed - 1.2
    return result


def _frame(
    x: NDArray[np.float64],
    codes: list[NDArray[np.int64]],
    label: NDArray[np.str_],
    random: np.random.Generator,
) -> pd.DataFrame:
    columns: dict[str, object] = {}
    for number in range(N_NUMERIC):
        values = np.exp(x[:, number]) if number in SKEWED else x[:, number]
        values = values.round(4)
        if number in WITH_GAPS:
            values[random.random(len(values)) < SHARE_MISSING] = np.nan
        columns[f"n{number:02d}"] = values
    for n_levels, code in zip(LEVELS, codes, strict=True):
        names = np.array([f"l{level}" for level in range(n_levels)])
        columns[f"c{n_levels}"] = names[code]
    return pd.DataFrame({**columns, "y": label})
