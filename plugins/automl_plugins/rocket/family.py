"""Rocket family: MiniRocket features of sequences, and a linear model of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    ColumnKind,
    ConfigurableFamily,
    FittedModel,
    Fold,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    RefittableFamily,
    Report,
    Resources,
    Rows,
    SelectiveFamily,
    Suggest,
    TrialContext,
    check_refit,
    hookimpl,
)
from automl_plugins.common.fitting import FitClock, load_arrays, save_arrays
from automl_plugins.rocket.minirocket import KERNELS, MiniRocket, fit_minirocket
from automl_plugins.rocket.ridge import LabelledFeatures, Ridge, fit_ridge, refit_ridge

__all__ = ["Rocket", "RocketModel", "automl_model_families"]

N_FEATURES = tuple(len(KERNELS) * times for times in (6, 12, 24, 60, 119))
MANY_ROWS, MOST_FEATURES_OF_MANY_ROWS = 4_000, 2_016
"""Rows from which the number of features is low, to keep the ridge regression fast."""

MOST_ROWS = 50_000
SECONDS_PER_VALUE = 4e-9
"""Seconds per comparison of a value of a sequence with a bias: a cautious estimate."""


@dataclass(frozen=True, slots=True)
class RocketModel:
    """Features of each column of sequences, and a ridge regression on all of them.

    Attributes:
        rockets: For each column one, or two with one for differences.
        ridge: Uses all features and the logarithm of the length of each column.
        low, high: Bounds of predicted values.
    """

    rockets: tuple[tuple[MiniRocket, ...], ...]
    ridge: Ridge
    low: float
    high: float

    def predict(self, X: Rows) -> NDArray[np.float64]:
        """Probabilities ``(n_rows, n_classes)``, or values ``(n_rows,)``."""
        prediction = self.ridge.predict(_features_of(X, self.rockets))
        return prediction if prediction.ndim == 2 else np.clip(prediction, self.low, self.high)


def _features_of(rows: Rows, rockets: tuple[tuple[MiniRocket, ...], ...]) -> NDArray[np.float32]:
    """Features of all columns, concatenated to ``(n_rows, n_features)``."""
    parts: list[NDArray[np.float32]] = []
    for sequences, own in zip(rows.sequences, rockets, strict=True):
        parts += [rocket.transform(sequences) for rocket in own]
        parts.append(np.log(sequences.lengths)[:, np.newaxis].astype(np.float32))
    return np.concatenate(parts, axis=1)


class Rocket(ConfigurableFamily, RefittableFamily, SelectiveFamily):
    """Ridge regression on the shares of steps above thresholds after dilated convolutions."""

    name: ClassVar[str] = "rocket"
    kinds: ClassVar[frozenset[ColumnKind]] = frozenset({ColumnKind.SEQUENCE})
    priority: ClassVar[int] = 85
    settings: ClassVar[Mapping[str, Any]] = {"max_features": N_FEATURES[-1]}
    setting_ranges: ClassVar[Mapping[str, Param]] = {
        "max_features": Param("int", low=N_FEATURES[0], high=N_FEATURES[-1]),
    }

    def unsupported_reason(self, problem: ProblemInfo) -> str | None:
        """Skips tables with too many rows for a dense matrix of features."""
        if problem.n_rows <= MOST_ROWS:
            return None
        return f"{problem.n_rows:,} sequences are more than the {MOST_ROWS:,} that it supports"

    def resources(self, problem: ProblemInfo) -> Resources:
        """The features in double precision, twice."""
        n_features = 2 * max(_choices(problem)) * max(1, len(problem.sequences))
        return Resources(ram_gib=0.3 + 20.0 * problem.n_rows * n_features / 2**30)

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Number of features, and features of differences; the ridge chooses its own penalty."""
        return {
            "n_features": suggest.suggest_categorical("n_features", _choices(problem)),
            "differences": suggest.suggest_categorical("differences", [False, True]),
        }

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """The paper's number of features unless rows are many, with and without differences."""
        most = _choices(problem)[-1]
        return [{"n_features": most, "differences": flag} for flag in (False, True)]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Computes features, then fits the ridge regression; fewer features if time is short."""
        rockets = _rockets(params, fold, context)
        train, valid = (
            LabelledFeatures(_features_of(rows, rockets), y, weight)
            for rows, y, weight in (
                (fold.train, fold.y_train, fold.weight_train),
                (fold.valid, fold.y_valid, fold.weight_valid),
            )
        )
        return _model(rockets, fit_ridge(train, valid, context.problem.n_classes), fold.y_train)

    def refit(
        self, params: Params, fold: Fold, context: TrialContext, models: Sequence[Any]
    ) -> FittedModel:
        """Fits all rows, with the average penalty of the folds.

        Raises:
            RefitIncomplete: There is too little time for the folds' number of features.
        """
        rockets = _rockets(params, fold, context)
        planned = min(_n_features(model.rockets) for model in models)
        check_refit(_n_features(rockets), planned, "features")
        rows = LabelledFeatures(_features_of(fold.train, rockets), fold.y_train, fold.weight_train)
        ridge = refit_ridge(rows, context.problem.n_classes, [model.ridge for model in models])
        return _model(rockets, ridge, fold.y_train)

    def save(self, model: Any, path: Path) -> None:
        """Writes arrays, and their description as JSON."""
        arrays: dict[str, Any] = {f"ridge.{k}": v for k, v in model.ridge.state().items()}
        columns = []
        for i, own in enumerate(model.rockets):
            states = [rocket.state() for rocket in own]
            columns.append([meta for meta, _ in states])
            for j, (_, inner) in enumerate(states):
                arrays |= {f"{i}.{j}.{name}": array for name, array in inner.items()}
        save_arrays(path, **arrays)
        value = {"columns": columns, "low": model.low, "high": model.high}
        (path / "rocket.json").write_text(json.dumps(value), encoding="utf-8")

    def load(self, path: Path) -> RocketModel:
        """Reads the model written by ``save``."""
        value, arrays = json.loads((path / "rocket.json").read_bytes()), load_arrays(path)
        rockets = tuple(
            tuple(
                MiniRocket.from_state(meta, _inner(f"{i}.{j}.", arrays))
                for j, meta in enumerate(metas)
            )
            for i, metas in enumerate(value["columns"])
        )
        ridge = Ridge.from_state(_inner("ridge.", arrays))
        return RocketModel(rockets, ridge, float(value["low"]), float(value["high"]))


def _rockets(
    params: Params, fold: Fold, context: TrialContext
) -> tuple[tuple[MiniRocket, ...], ...]:
    """Features of each column, as many as time allows."""
    ways = (False, True) if params["differences"] else (False,)
    n_values = len(ways) * sum(s.steps().size for s in fold.sequences_train)
    n_features = _fitting_features(params["n_features"], n_values, FitClock(context))
    return tuple(
        tuple(fit_minirocket(s, n_features // len(ways), d, context.seed) for d in ways)
        for s in fold.sequences_train
    )


def _n_features(rockets: tuple[tuple[MiniRocket, ...], ...]) -> int:
    return sum(rocket.n_features for own in rockets for rocket in own)


def _model(
    rockets: tuple[tuple[MiniRocket, ...], ...], ridge: Ridge, y: NDArray[Any]
) -> RocketModel:
    return RocketModel(rockets, ridge, float(y.min()), float(y.max()))


def _inner(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}


def _choices(problem: ProblemInfo) -> tuple[int, ...]:
    most = problem.settings["max_features"]
    if problem.n_rows > MANY_ROWS:
        most = min(most, MOST_FEATURES_OF_MANY_ROWS)
    return tuple(n for n in N_FEATURES if n <= most) or N_FEATURES[:1]


def _fitting_features(n_features: int, n_values: int, clock: FitClock) -> int:
    """Number of features that time allows, at least one per kernel."""
    if not clock.has_limit:
        return n_features
    fitting = int(0.5 * max(0.0, clock.left_s()) / (SECONDS_PER_VALUE * max(1, n_values)))
    return max(len(KERNELS), min(n_features, fitting // len(KERNELS) * len(KERNELS)))


@hookimpl
def automl_model_families() -> list[ModelFamily]:
    """Returns the family of this module."""
    return [Rocket()]
