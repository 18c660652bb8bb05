"""Tables that are drawn, with the distribution of the target known for every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Drawn", "World", "noise", "signal"]

N_COLUMNS = 8
N_CLASSES = 3
N_NODES = 25
GROUP_ROWS = 6
GROUP_SHARE = 0.5
"""Share of the variance of columns and of the target that the rows of a group have in common."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table and what is known of its target.

    Attributes:
        frame: Columns and the target ``y``; ``g`` and ``w`` where there are groups and weights.
        outcomes: What the target could have been, ``(n_rows, n_outcomes)``: class labels or values.
        chances: The probability of each of them.
    """

    frame: pd.DataFrame
    outcomes: NDArray[Any]
    chances: NDArray[np.float64]

    @property
    def columns(self) -> pd.DataFrame:
        """The table without its target."""
        return self.frame.drop(columns="y")

    def score(self, metric: Any, classes: tuple[Any, ...], prediction: NDArray[Any]) -> float:
        """Expected score of predictions: over all outcomes, each weighted by its probability.

        So it has no error from the draw of the target, only from that of the columns.

        Args:
            metric: A metric of ours.
            classes: Labels in the order of the predicted columns; empty for values.
            prediction: Of the rows of the table.
        """
        outcomes = self.outcomes
        if classes:
            place = {label: number for number, label in enumerate(classes)}
            outcomes = np.vectorize(place.__getitem__)(outcomes)
        weight = self.chances.copy()
        if "w" in self.frame:
            weight *= self.frame["w"].to_numpy(float)[:, None]
        n_outcomes = outcomes.shape[1]
        return float(
            metric.score(
                outcomes.ravel(), np.repeat(prediction, n_outcomes, axis=0), weight.ravel()
            )
        )


def noise(n_rows: int, seed: int, n_columns: int = 12) -> Drawn:
    """Normal columns and two classes that do not depend on them."""
    random = np.random.default_rng([seed, n_rows, 1])
    x = random.normal(size=(n_rows, n_columns))
    return _classes(_frame(x), np.full((n_rows, 2), 0.5), random)


def signal(n_rows: int, seed: int, draw: int = 0) -> Drawn:
    """Ten normal columns and two classes: AUC .76 who knows the law, near .7 what is learnt.

    Args:
        n_rows: Rows to draw.
        seed: Of the rows.
        draw: Another number draws other rows of the same seed.
    """
    random = np.random.default_rng([seed, draw, 2])
    x = random.normal(size=(n_rows, 10))
    logit = 0.7 * x[:, 0] + 0.5 * x[:, 1] - 0.4 * x[:, 2] + 0.5 * x[:, 3] * x[:, 4]
    logit += 0.4 * np.sin(2 * x[:, 5])
    return _classes(_frame(x), _two(logit), random)


class World:
    """One law by which tables are drawn.

    Args:
        task: ``binary``, ``multiclass``, ``regression`` or ``quantile``.
        has_signal: Whether the target depends on the columns.
        seed: Of the law.
        has_groups: Whether rows come in groups that have something in common.
        has_weights: Whether rows have weights.
    """

    def __init__(
        self,
        task: str,
        *,
        has_signal: bool,
        seed: int,
        has_groups: bool = False,
        has_weights: bool = False,
    ) -> None:
        random = np.random.default_rng([seed, 3])
        self._task, self._seed = task, seed
        self._groups, self._weights = has_groups, has_weights
        n_scores = N_CLASSES if task == "multiclass" else 1
        self._slopes = random.normal(size=(N_COLUMNS, n_scores)) * 0.35 * has_signal
        self._products = random.normal(size=n_scores) * 0.5 * has_signal

    def rows(self, n_rows: int, draw: int) -> Drawn:
        """Draws a table; an equal ``draw`` gives the same one."""
        random = np.random.default_rng([self._seed, draw, n_rows, 4])
        x = random.normal(size=(n_rows, N_COLUMNS))
        group = np.arange(n_rows) // GROUP_ROWS
        effect = np.zeros(n_rows)
        if self._groups:
            common = random.normal(size=(group[-1] + 1, N_COLUMNS))[group]
            x = np.sqrt(1 - GROUP_SHARE) * x + np.sqrt(GROUP_SHARE) * common
            effect = random.normal(size=group[-1] + 1)[group] * np.sqrt(GROUP_SHARE)
        score = x @ self._slopes + (x[:, :1] * x[:, 1:2]) * self._products
        frame = _frame(x)
        if self._groups:
            frame["g"] = [f"g{number}" for number in group]
        if self._weights:
            frame["w"] = random.exponential(size=n_rows).round(3) + 0.1
        return self._target(frame, score, effect, random)

    def _target(
        self,
        frame: pd.DataFrame,
        score: NDArray[np.float64],
        effect: NDArray[np.float64],
        random: np.random.Generator,
    ) -> Drawn:
        if self._task == "binary":
            return _classes(frame, _two(score[:, 0] + effect), random)
        if self._task == "multiclass":
            score = score.copy()
            score[:, 0] += effect
            odds = np.exp(score)
            return _classes(frame, odds / odds.sum(axis=1, keepdims=True), random)
        from scipy.stats import norm

        middle = score[:, 0] + effect
        nodes = norm.ppf((np.arange(N_NODES) + 0.5) / N_NODES)
        nodes /= nodes.std()
        frame["y"] = middle + random.normal(size=len(frame))
        chances = np.full((len(frame), N_NODES), 1 / N_NODES)
        return Drawn(frame, middle[:, None] + nodes, chances)


def _frame(x: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(x, columns=[f"x{number}" for number in range(x.shape[1])])


def _two(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    chance = 1 / (1 + np.exp(-logit))
    return np.column_stack([1 - chance, chance])


def _classes(
    frame: pd.DataFrame, chances: NDArray[np.float64], random: np.random.Generator
) -> Drawn:
    """Draws a class for each row by its probabilities."""
    labels = np.array([f"c{number}" for number in range(chances.shape[1])])
    drawn = (random.random(len(frame))[:, None] > np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
    frame["y"] = labels[drawn]
    return Drawn(frame, np.tile(labels, (len(frame), 1)), chances)
