"""Influence functions against the numbers they stand for: the change of a score with a weight."""

import numpy as np
import pytest

from automl.metrics import CATALOG, get_metric, influence
from automl.plugin import Task

WITHOUT = {"average_precision", "medae", "roc_auc_ovo", "roc_auc_weighted"}
CLOSED = sorted({*CATALOG} - WITHOUT)
SEVERAL = [name for name in CLOSED if Task.MULTICLASS in CATALOG[name].tasks]


def scored(metric, n_classes, seed=0, n_rows=60):
    rng = np.random.default_rng(seed)
    if metric.needs == "values":
        y = np.exp(rng.normal(size=n_rows))
        return y, np.abs(y + 0.5 * rng.normal(size=n_rows))
    y = rng.integers(0, n_classes, n_rows)
    shown = rng.random((n_rows, n_classes)).round(2) + 0.5 * np.eye(n_classes)[y]
    return y, shown / shown.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "n_classes"), [*((n, 2) for n in CLOSED), *((n, 3) for n in SEVERAL)]
)
def test_a_row_moves_the_score_as_its_influence_says(name, n_classes, is_weighted):
    metric = CATALOG[name]
    y, shown = scored(metric, n_classes)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y)) if is_weighted else np.ones(len(y))
    found = influence(metric, y, shown, weight if is_weighted else None)
    assert np.average(found, weights=weight) == pytest.approx(0, abs=1e-6)
    for row in range(0, len(y), 7):
        more = weight + 1e-4 * (np.arange(len(y)) == row)
        change = metric.score(y, shown, more) - metric.score(y, shown, weight)
        assert found[row] == pytest.approx(change / 1e-4 * weight.sum(), rel=2e-3, abs=2e-3)


def test_of_quantiles_the_mean_over_the_levels_counts():
    metric = get_metric("pinball", Task.QUANTILE, quantiles=(0.1, 0.5, 0.9))
    y = np.random.default_rng(0).normal(size=30)
    shown = np.tile([-1.0, 0.0, 1.0], (30, 1))
    found = influence(metric, y, shown)
    alone = [metric.score(y[[i]], shown[[i]]) for i in range(30)]
    np.testing.assert_allclose(found, np.array(alone) - np.mean(alone))


def test_the_error_of_an_auc_is_that_of_delong():
    """By the placement values themselves, which are the shares of the other class below a row."""
    rng = np.random.default_rng(0)
    y = (np.arange(50) % 5 == 0).astype(int)
    p = (rng.normal(size=50) + y).round(1)
    above = (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
    delong = above.mean(axis=1).var() / 10 + above.mean(axis=0).var() / 40
    found = influence(CATALOG["roc_auc"], y, np.c_[-p, p])
    assert (found**2).sum() / 50**2 == pytest.approx(delong)


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_a_metric_without_a_closed_form_has_none(name):
    metric = CATALOG[name]
    assert influence(metric, *scored(metric, 3)) is None


def test_many_pairs_of_classes_take_too_many_scorings():
    y = np.repeat(np.arange(30), 30)
    shown = np.eye(30)[np.tile(np.arange(30), 30)]
    assert influence(CATALOG["f1_macro"], y, shown) is None


def test_a_perfect_or_one_sided_prediction_does_not_move():
    y = np.array([0, 1, 0, 1])
    assert not influence(CATALOG["roc_auc"], y, np.eye(2)[y]).any()
    assert not influence(CATALOG["roc_auc"], np.zeros(4, dtype=int), np.eye(2)[y]).any()
    assert not influence(CATALOG["rmse"], y * 1.0, y * 1.0).any()
