"""Families that only propose: no fit is run here."""

from collections.abc import Callable
from typing import Any

import pytest

from automl.metrics import get_metric
from automl.plugin import ConfigurableFamily, ProblemInfo, Task


class Family(ConfigurableFamily):
    """A family whose space and portfolio are given."""

    name = "toy"

    def __init__(self, space: Callable[[Any], dict[str, Any]], portfolio: Any = ()) -> None:
        self._space, self._portfolio = space, portfolio

    def search_space(self, suggest: Any, problem: ProblemInfo) -> dict[str, Any]:
        return self._space(suggest)

    def portfolio(self, problem: ProblemInfo) -> Any:
        return self._portfolio

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        raise NotImplementedError

    def save(self, model: Any, path: Any) -> None:
        raise NotImplementedError

    def load(self, path: Any) -> Any:
        raise NotImplementedError


def mixed_space(suggest: Any) -> dict[str, Any]:
    """A float, an integer, a choice, and a float that depends on the choice."""
    params = {
        "rate": suggest.suggest_float("rate", 0.01, 1.0, log=True),
        "depth": suggest.suggest_int("depth", 1, 9),
        "kind": suggest.suggest_categorical("kind", ["plain", "dropout"]),
    }
    if params["kind"] == "dropout":
        params["share"] = suggest.suggest_float("share", 0.1, 0.5)
    return params


@pytest.fixture
def family() -> Callable[..., Family]:
    return lambda space=mixed_space, portfolio=(): Family(space, portfolio)


@pytest.fixture
def shape() -> Callable[..., ProblemInfo]:
    def shape(**settings: Any) -> ProblemInfo:
        return ProblemInfo(
            Task.BINARY, get_metric("log_loss", Task.BINARY), 100, 4, settings=settings
        )

    return shape
