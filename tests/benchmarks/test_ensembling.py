import numpy as np
import pytest

from automl.ensemble.candidates import aligned
from automl.metrics import CATALOG
from benchmarks.ensembling import Comparison, compare, main, to_markdown
from benchmarks.ways import PLAIN, ways_for


@pytest.fixture
def kept(tmp_path):
    """Predictions of one table of two classes, as ``make`` keeps them."""
    rng = np.random.default_rng(0)

    def models(y):
        odds = (y[None, :] * 2 - 1) + rng.normal(size=(4, len(y)))
        positive = 1 / (1 + np.exp(-3 * odds))
        return np.stack((1 - positive, positive), axis=2)

    y, y_test = (rng.permutation(np.arange(n) % 2) for n in (200, 400))
    path = tmp_path / "made-0" / "predictions.npz"
    path.parent.mkdir()
    families = np.array(["a", "b", "c", "baseline"])
    np.savez(
        path, task="binary", families=families, oof=models(y), test=models(y_test), y=y,
        y_test=y_test,
    )  # fmt: skip
    return path


def test_every_way_is_compared_by_every_metric_of_the_task(kept):
    found = list(compare(kept))
    assert {one.metric for one in found} >= {"roc_auc", "log_loss", "f1"}
    assert {one.table for one in found} == {"made-0"}
    assert PLAIN not in {one.way for one in found}
    (single,) = [o for o in found if (o.metric, o.way) == ("log_loss", "best single")]
    assert single.change > 0
    assert not single.is_kept


def test_a_line_tells_how_often_and_by_how_much_a_way_is_better():
    found = [
        Comparison("a", "rmse", "NNLS", -0.10, True),
        Comparison("b", "rmse", "NNLS", 0.04, False),
    ]
    assert to_markdown(found).splitlines()[-1] == "| rmse | NNLS | 2 | -3.00 | 1, 1 | 1 | -5.00 |"


def test_the_command_prints_a_table(kept, capsys):
    main(["compare", "--out", str(kept.parents[1])])
    assert "| log_loss | temperature | 1 |" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["rmse", "roc_auc", "f1"])
def test_each_way_gives_what_the_metric_scores(name):
    metric, rng = CATALOG[name], np.random.default_rng(0)
    y = rng.normal(size=60) if name == "rmse" else rng.permutation(np.arange(60) % 2)
    predictions = [y + rng.normal(size=60) for _ in range(3)]
    if name != "rmse":
        predictions = [1 / (1 + np.exp(-p)) for p in predictions]
        predictions = [np.column_stack((1 - p, p)) for p in predictions]
    candidates = aligned(predictions, y, metric)
    for way in ways_for(metric, 0 if name == "rmse" else 2).values():
        shown = way(candidates)(predictions)
        assert shown.shape == predictions[0].shape
        assert np.isfinite(metric.score(y, shown))
