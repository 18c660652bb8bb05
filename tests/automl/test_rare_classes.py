"""A class of a single row, from the table to a predictor, with real workers and real families."""

import numpy as np
import pandas as pd
import pytest

import automl

FAMILIES = ("linear", "knn", "forest", "lightgbm", "svm", "baseline")


@pytest.mark.parametrize("n_others", [1, 2], ids=["binary", "multiclass"])
def test_every_family_gets_along_with_a_class_that_most_folds_do_not_validate(n_others, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3))
    y = np.where(x[:, 0] > 0, 0, n_others - 1).astype(str)
    y[0] = "rare"
    run = automl.search(
        pd.DataFrame(x, columns=list("abc")).assign(y=y),
        target="y",
        trials=len(FAMILIES),
        out=tmp_path / "run",
        overrides=(f"family=[{','.join(FAMILIES)}]", "search.folds=3", "scheduler.cpus=1"),
        settings={"search.max_trials_per_family": 1, "model.forest.trees": 20},
    )
    board = run.leaderboard().set_index("family")
    assert (board.loc[list(FAMILIES), "state"] == "complete").all()
    assert "rare" in run.classes
    assert run.predict_proba(pd.DataFrame(x, columns=list("abc"))).shape == (90, n_others + 1)
