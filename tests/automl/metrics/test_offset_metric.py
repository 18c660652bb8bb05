import numpy as np
import pytest

from automl.metrics import CATALOG, get_metric
from automl.metrics.fallback import steering
from automl.metrics.offset_metric import shifted
from automl.plugin import Metric, Task

OFFSET = 1e9
VALUES = [metric for metric in CATALOG.values() if metric.needs == "values"]


def rows():
    rng = np.random.default_rng(0)
    y, weight = rng.normal(size=50), rng.uniform(0.5, 2, 50)
    return y, y + 0.3 * rng.normal(size=50), weight


@pytest.mark.parametrize("metric", VALUES, ids=lambda metric: metric.name)
def test_values_less_an_offset_are_scored_as_they_are(metric):
    y, prediction, weight = rows()
    expected = metric.score(y + OFFSET, prediction + OFFSET, weight)
    assert shifted(metric, OFFSET).score(y, prediction, weight) == expected
    assert steering(shifted(metric, OFFSET)).score(y, prediction, weight) == expected


def test_predictions_in_single_precision_are_scored_in_double():
    y, prediction, _ = rows()
    score = shifted(CATALOG["mae"], OFFSET).score(y, prediction.astype(np.float32))
    assert score == pytest.approx(CATALOG["mae"].score(y, prediction), rel=1e-5)


def test_levels_are_handed_on():
    y, prediction, _ = rows()
    metric = get_metric("pinball", Task.QUANTILE, quantiles=(0.1, 0.9))
    levels = np.column_stack([prediction - 1, prediction + 1])
    far = shifted(metric, OFFSET).score(y, levels)
    assert far == pytest.approx(metric.score(y, levels), rel=1e-5)


def test_why_there_is_no_score_is_said_of_the_values_as_they_are():
    metric, y = CATALOG["rmsle"], np.array([-5.0, 1.0])
    assert metric.undefined_reason(y)
    assert not shifted(metric, OFFSET).undefined_reason(y)
    assert shifted(metric, -OFFSET).undefined_reason(y) == metric.undefined_reason(y - OFFSET)


def test_only_a_metric_of_errors_alone_keeps_a_name_that_libraries_know():
    names = {metric.name: shifted(metric, OFFSET).name for metric in VALUES}
    assert {plain for plain, name in names.items() if plain != name} == {"mape", "smape", "rmsle"}
    assert names["mape"] == "mape@1000000000.0"


def test_a_metric_that_is_not_known_gets_a_name_of_its_own():
    def largest(y_true, prediction, weight):
        return float(np.max(prediction))

    own = Metric("largest", True, "values", (0.0, 1e12), frozenset({Task.REGRESSION}), largest)
    far = shifted(own, OFFSET)
    assert far.name == "largest@1000000000.0"
    assert far.score(np.zeros(3), np.array([1.0, 3.0, 2.0])) == OFFSET + 3


def test_without_an_offset_the_metric_is_the_same():
    assert shifted(CATALOG["mape"], 0.0) is CATALOG["mape"]
