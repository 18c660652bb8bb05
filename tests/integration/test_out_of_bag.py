"""Out-of-bag scores of a forest with encodings that look at the target, by real encoders."""

import numpy as np
import pandas as pd

import automl

KINDS = {"review": "text", "shop": "categorical"}


def noise(n_rows=400):
    rng = np.random.default_rng(4)
    words = [f"w{i}" for i in range(200)]
    frame = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["a", "b"])
    frame["review"] = [" ".join(rng.choice(words, 12)) for _ in range(n_rows)]
    frame["shop"] = [f"s{i}" for i in rng.integers(0, 300, n_rows)]
    frame["y"] = rng.integers(0, 2, n_rows)
    return frame


def forest(out, frame):
    run = automl.search(
        frame,
        target="y",
        trials=1,
        out=out,
        overrides=["family=[forest]", "model.forest.trees=100", "search.folds=4"],
        settings={"data.kinds": {c: k for c, k in KINDS.items() if c in frame}},
    )
    return run.leaderboard().set_index("trial").loc["forest-0"]


def test_a_forest_on_texts_that_are_noise_is_fitted_on_folds_and_scores_chance(tmp_path):
    row = forest(tmp_path / "run", noise())
    assert len(row["folds"]) == 4
    assert abs(row["score"] - 0.5) < 0.09  # three standard errors


def test_without_such_columns_it_is_fitted_once(tmp_path):
    row = forest(tmp_path / "run", noise().drop(columns="review"))
    assert len(row["folds"]) == 1
    assert abs(row["score"] - 0.5) < 0.09
