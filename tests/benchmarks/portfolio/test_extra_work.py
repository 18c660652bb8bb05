"""Ways to spend further seconds once a search has its ensemble."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.portfolio.extra_work import WAYS, Gain, alone, summary, ways_of
from benchmarks.portfolio.measured import Measured, MeasuredTable
from benchmarks.portfolio.replay import Replay

N_ROWS, N_TEST = 300, 400


def found(complete, weights):
    """A search that ended with these complete trials and members."""
    fields = dict.fromkeys(Replay.__dataclass_fields__)
    return Replay(**{**fields, "complete": complete, "weights": weights})


@pytest.fixture
def table():
    """Candidates are the target with noise of their own; so are seeds and repeats."""
    random = np.random.default_rng(0)
    y, y_test = random.normal(size=N_ROWS), random.normal(size=N_TEST)

    def fits(name, variant="", noise=1.0, seconds=1.0):
        return Measured(
            *(name, name.split("-")[0], {"rate": noise}),
            oof=(y + noise * random.normal(size=N_ROWS)).astype(np.float32),
            test=(y_test + noise * random.normal(size=N_TEST)).astype(np.float32),
            seconds=np.full(3, seconds),
            scores=np.zeros(3),
            size_mib=np.ones(3),
            predict_ms=np.ones(3),
            encode_s=np.zeros(3),
            steps=[[], [], []],
            variant=variant,
        )

    candidates = [fits("net-1"), fits("tree-1", noise=1.5), fits("net-2"), fits("tree-2")]
    kinds = ("seed-1", "seed-2", "repeat-1", "repeat-2")
    variants = [fits(name, kind) for name in ("net-1", "tree-1") for kind in kinds]
    return MeasuredTable(
        *("some", "regression", "rmse"),
        n_rows=N_ROWS,
        n_columns=3,
        n_categorical=0,
        n_classes=0,
        share_s=3.6,
        y=y,
        y_test=y_test,
        fold_of=np.arange(N_ROWS) % 3,
        candidates={m.name: m for m in candidates},
        variants={m.key: m for m in variants},
        first=("net-1", "tree-1"),
    )


SEARCH = found(("net-1", "tree-1", "net-1"), {"net-1": 0.6, "tree-1": 0.4})


def test_every_way_spends_at_most_what_the_seeds_of_the_members_take(table):
    gains = {gain.way: gain for gain in ways_of(table, SEARCH, extra_s=100.0)}
    assert gains.keys() == WAYS.keys()
    assert max(gain.spent_s for gain in gains.values()) == pytest.approx(12.0)
    assert {way: gain.n_fits for way, gain in gains.items()} == {
        "seeds of members, as candidates": 4,
        "seeds of members, averaged": 4,
        "repeats of members, averaged": 4,
        "draws of the leading family": 1,
        "draws of all families": 2,
    }


def test_with_less_to_spend_every_member_gets_its_first_seed_before_one_gets_a_second(table):
    gains = {gain.way: gain for gain in ways_of(table, SEARCH, extra_s=6.0)}
    assert gains["seeds of members, averaged"].n_fits == 2
    assert gains["repeats of members, averaged"].spent_s == pytest.approx(6.0)


def test_averaging_fits_with_noise_of_their_own_lowers_the_test_loss(table):
    gains = {gain.way: gain.ratio for gain in ways_of(table, SEARCH, extra_s=100.0)}
    assert gains["seeds of members, averaged"] < -0.2
    assert gains["repeats of members, averaged"] < -0.2


def test_a_table_without_recorded_seeds_says_nothing(table):
    assert ways_of(replace(table, variants={}), SEARCH, extra_s=100.0) == []


def test_a_model_alone_is_compared_with_its_mean_with_one_seed_or_one_repeat(table):
    gains = alone(table)
    assert [(gain.way, gain.n_fits) for gain in gains[:2]] == [
        ("a model alone, one more seed", 1),
        ("a model alone, one more repeat", 1),
    ]
    assert len(gains) == 4
    assert all(gain.ratio < -0.2 for gain in gains)  # half of the variance


def test_the_summary_has_a_line_for_each_way_with_mean_and_error():
    gains = [Gain(way, ratio, 3.0, 2) for way in WAYS for ratio in (-0.02, 0.0, -0.01)]
    lines = list(summary(gains))
    assert len(lines) == len(WAYS)
    assert "-0.0100 +- 0.0058" in lines[0]
    assert "better 2, worse 0" in lines[0]
