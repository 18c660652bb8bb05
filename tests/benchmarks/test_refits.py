import numpy as np
import pytest

from benchmarks.refits import measure


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_gains_variances_and_distances_are_measured(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = X[:, 0] + np.sin(3 * X[:, 1]) + rng.normal(0, 0.5, 600)
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    found = measure(X, y, n_classes, 400, 3)
    assert found.bag == pytest.approx(found.unseen * (1 - 1 / 3))  # as theory has it
    assert found.both_saw < found.unseen < found.one_saw
    assert found.ratio < 2.0 < found.one_tree
    assert len(str(found).split()) == 10
