"""A family whose fit sleeps or does nothing: what is left is what the search itself costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.plugin import (
    ConfigurableFamily,
    Encoding,
    FittedModel,
    Fold,
    Matrix,
    ModelFamily,
    Params,
    ProblemInfo,
    Report,
    Suggest,
    TrialContext,
    hookimpl,
)

__all__ = ["Instant", "automl_model_families"]


class _Model:
    """Predicts by the params and the first column alone."""

    def __init__(self, x: float) -> None:
        self.x = x

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Values ``(n_rows,)``."""
        return np.asarray(X[:, 0], dtype=np.float64) * self.x


class Instant(ConfigurableFamily):
    """Fits in no time, or in ``model.instant.fit_s`` seconds."""

    name = "instant"
    settings: ClassVar[Mapping[str, Any]] = {"fit_s": 0.0}

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Values as they are."""
        return Encoding(numeric="raw", categorical="drop", text="drop")

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """One number, so that the sampler has something to do."""
        return {"x": suggest.suggest_float("x", 0.0, 1.0)}

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Sleeps: a core that is free meanwhile does not make up for what the search costs."""
        time.sleep(context.settings["fit_s"])
        return _Model(params["x"])

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes the number."""
        assert isinstance(model, _Model)
        (path / "x.txt").write_text(repr(model.x), encoding="utf-8")

    def load(self, path: Path) -> FittedModel:
        """Reads the number."""
        return _Model(float((path / "x.txt").read_text(encoding="utf-8")))


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Brings the family."""
    return [Instant()]
