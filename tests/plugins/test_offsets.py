"""All families learn as much from numbers close together far from 0 as from the same around 0."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from automl.data.encode import fit_encoder
from automl.data.table import Column, Table
from automl.plugin import (
    TABULAR_KINDS,
    ColumnKind,
    Fold,
    ModelFamily,
    ProblemInfo,
    Task,
    TrialContext,
)
from automl.plugin.configurable import default_settings
from automl.testing.fakes import RandomSuggest, RecordingReport
from automl.testing.tables import RMSE
from automl_plugins import knn
from automl_plugins.catboost import family as catboost
from automl_plugins.ebm import family as ebm
from automl_plugins.forest import family as forest
from automl_plugins.lightgbm import family as lightgbm
from automl_plugins.linear import family as linear
from automl_plugins.svm import family as svm
from automl_plugins.torch.tabular import mlp, realmlp, resnet, tabm
from automl_plugins.xgboost import family as xgboost

MODULES = [catboost, ebm, forest, knn, lightgbm, linear, svm, xgboost]
NETS = [mlp, realmlp, resnet, tabm]
FAMILIES: Sequence[ModelFamily] = [m.automl_model_families()[0] for m in (*MODULES, *NETS)]
FEW_ROUNDS = {"max_epochs": 25, "max_rounds": 150}
N_ROWS = 400
VALID = np.arange(N_ROWS) % 4 == 3
FAR = [(1e9, 1.0), (-1e6, 0.01), (1.7e12, 1e5)]
"""Where the numbers lie, and their spread: around 10^9, close together, and milliseconds."""

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
each_place = pytest.mark.parametrize(("middle", "spread"), FAR)


def numbers(seed=0):
    return np.random.default_rng(seed).normal(size=(2, N_ROWS))


def table(*columns):
    described = (Column(f"c{i}", f"x{i}", 0, ColumnKind.NUMERIC, "") for i in range(len(columns)))
    data = {f"c{i}": pa.array(column) for i, column in enumerate(columns)}
    return Table(pa.table(data), tuple(described))


def shape_for(family):
    defaults = default_settings(family)
    settings = {name: FEW_ROUNDS.get(name, value) for name, value in defaults.items()}
    n_rows = int((~VALID).sum())
    return ProblemInfo(Task.REGRESSION, RMSE, n_rows=n_rows, n_numeric=2, settings=settings)


def encoded(view, columns, y):
    """Encoder, and the encoded training rows."""
    train = np.flatnonzero(~VALID)
    task, kinds = Task.REGRESSION, TABULAR_KINDS
    return fit_encoder(
        table(*columns), train, y, task=task, n_classes=0, encoding=view, kinds=kinds, seed=0
    )


def views_of(family):
    """All views that the portfolio and some random points of the space ask for."""
    shape = shape_for(family)
    drawn = [family.search_space(RandomSuggest(seed), shape) for seed in range(8)]
    return list(
        dict.fromkeys(family.encoding(p, shape) for p in (*family.portfolio(shape), *drawn))
    )


@each_place
@each_family
def test_what_a_view_shows_is_the_same_but_for_what_is_taken_off(family, middle, spread):
    x, z = numbers()
    y = x * z
    for view in views_of(family):
        near, far = (
            encoded(view, columns, y)[0].transform(table(*columns))
            for columns in ((x, z), (middle + spread * x, z))
        )
        a, b = (np.asarray(X[:, 0], dtype=np.float64) for X in (near, far))
        if view.numeric == "raw":
            b = b / spread
        difference = (a - a.mean()) - (b - b.mean())
        assert np.abs(difference).max() < 1e-3, view


def score(family, columns, y):
    """R² on the validation rows."""
    shape = shape_for(family)
    params = family.portfolio(shape)[0]
    encoder, X = encoded(family.encoding(params, shape), columns, y)
    valid = encoder.transform(table(*columns), np.flatnonzero(VALID))
    fold = Fold(X, y[~VALID], None, valid, y[VALID], None, encoder.features)
    model = family.fit(params, fold, TrialContext(shape, 0), RecordingReport())
    wrong = np.asarray(model.predict(fold.X_valid)) - y[VALID]
    return 1 - np.mean(wrong**2) / np.var(y[VALID])


@each_family
def test_a_column_far_from_zero_gives_as_good_a_fit(family):
    x, z = numbers()
    y = 2 * x + z
    near, far = score(family, (x, z), y), score(family, (1e9 + x, z), y)
    assert near > 0.6
    assert far > near - 0.03
