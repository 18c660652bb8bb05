"""What simulated devices did: shares, causes and peaks."""

import pytest

from automl.trial.spec import JobKey
from benchmarks.portfolio.timeline import Span, Timeline


def fit(trial, start, end, n_cpus=1, gpu=None, share=0.0):
    return Span((JobKey(trial, 0),), start, end, n_cpus, gpu, share)


def test_a_core_is_busy_from_the_start_of_a_fit_to_its_end():
    timeline = Timeline(2, spans=[fit("a-0", 0, 6), fit("b-0", 4, 10)])
    assert timeline.busy_share(0, 10) == pytest.approx(12 / 20)
    assert timeline.busy_share(4, 6) == pytest.approx(1.0)


def test_a_gpu_counts_by_the_share_that_is_leased():
    timeline = Timeline(4, 2, spans=[fit("a-0", 0, 5, gpu=1, share=0.5)])
    assert timeline.gpu_share(0, 10) == pytest.approx(0.5 * 5 / 20)
    assert timeline.gpus == {1}
    assert Timeline(4).gpu_share(0, 10) == 0.0


def test_fits_of_a_pack_share_its_seconds():
    pack = Span((JobKey("a-0", 0), JobKey("a-1", 0)), 0, 6, n_cpus=2)
    timeline = Timeline(4, spans=[pack, fit("b-0", 0, 1)])
    assert timeline.core_seconds() == pytest.approx(13)
    assert timeline.by_trial(["a-1"]) == pytest.approx(6)


def test_every_second_without_a_fit_has_a_cause():
    timeline = Timeline(2, spans=[fit("a-0", 0, 5), fit("b-0", 0, 6), fit("b-1", 7, 8)])
    timeline.add_idle("nothing fits", 1, 5, 6)
    timeline.add_idle("nothing fits", 1, 7, 8)
    causes = timeline.idle_shares(0, 10)
    assert causes["nothing fits"] == pytest.approx(2 / 20)
    assert causes["after the search"] == pytest.approx(4 / 20)
    assert causes["main process"] == pytest.approx(2 / 20)
    assert sum(causes.values()) + timeline.busy_share(0, 10) == pytest.approx(1.0)


def test_one_fit_may_start_when_another_ends():
    timeline = Timeline(2, spans=[fit("a-0", 0, 5, n_cpus=2), fit("b-0", 5, 6), fit("b-1", 5, 9)])
    assert timeline.most_cpus == 2
    assert Timeline(2).most_cpus == 0
