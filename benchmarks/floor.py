"""What a search has to beat: LightGBM with its defaults and early stopping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tables import Entry, divide

__all__ = ["predict_floor"]

MAX_TREES = 1_000
PATIENCE = 50


def predict_floor(entry: Entry, train_file: Path, test_file: Path, seed: int) -> pd.DataFrame:
    """Fits on one file and predicts the other.

    A quarter of the training rows is held out for early stopping; text columns are LightGBM
    categories.

    Returns:
        One column per class named by its label, or the column ``prediction``.
    """
    import lightgbm

    # labels stay texts, so that both sides of the comparison name classes alike
    train, test = (pd.read_csv(f, dtype={entry.target: str}) for f in (train_file, test_file))
    y = train.pop(entry.target)
    X, X_test = _as_categories(train, test.drop(columns=entry.target))
    is_classification = entry.task != "regression"
    fit_rows, stop_rows = divide(y.tolist(), is_classification, seed, entry.name)
    kind: Any = lightgbm.LGBMClassifier if is_classification else lightgbm.LGBMRegressor
    model = kind(n_estimators=MAX_TREES, random_state=seed, verbose=-1)
    # every class is among the rows that are fitted on
    labels, codes = np.unique(y.to_numpy(str), return_inverse=True)
    values = codes if is_classification else y.to_numpy(float)
    model.fit(
        X.iloc[fit_rows],
        values[fit_rows],
        eval_X=(X.iloc[stop_rows],),
        eval_y=(values[stop_rows],),
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    if not is_classification:
        return pd.DataFrame({"prediction": np.asarray(model.predict(X_test))})
    return pd.DataFrame(np.asarray(model.predict_proba(X_test)), columns=labels)


def _as_categories(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Text columns as categories of the training rows; column names that LightGBM takes."""
    parts = train.copy(), test.copy()
    for name in train.columns:
        if not (
            pd.api.types.is_numeric_dtype(train[name]) and pd.api.types.is_numeric_dtype(test[name])
        ):
            categories = sorted(train[name].dropna().astype(str).unique())
            for part in parts:
                texts = part[name].astype(str).where(part[name].notna())
                # unseen values become missing
                part[name] = pd.Categorical(texts.where(texts.isin(categories)), categories)
    for part in parts:
        part.columns = pd.Index([f"c{number}" for number in range(part.shape[1])])
    return parts
