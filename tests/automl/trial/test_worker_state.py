"""A worker keeps the folds it has opened, as long as there is room."""

import pytest

from automl.plugin import ColumnKind, Encoding

NUMBERS = frozenset({ColumnKind.NUMERIC})


def opened(bench, *folds):
    return [bench.open_fold(fold, Encoding(), NUMBERS)[0] for fold in folds]


def test_a_fold_is_encoded_once_and_comes_back_with_what_was_left_in_it(open_bench):
    bench = open_bench(memo_gib=1.0)
    fold, encode_s = bench.open_fold(0, Encoding(), NUMBERS)
    fold.memo["binned"] = "by somebody"
    again, seconds = bench.open_fold(0, Encoding(), NUMBERS)
    assert again is fold
    assert (encode_s > 0, seconds) == (True, 0.0)


def test_another_view_is_another_fold(open_bench):
    bench = open_bench(memo_gib=1.0)
    (plain,) = opened(bench, 0)
    scaled, _ = bench.open_fold(0, Encoding(numeric="standard"), NUMBERS)
    assert scaled is not plain


@pytest.mark.parametrize(("n_kept", "is_there"), [(2, False), (3, True)])
def test_the_fold_that_was_used_longest_ago_is_forgotten_first(open_bench, n_kept, is_there):
    bench = open_bench(memo_gib=n_kept / 1024)  # a small fold counts as one MiB
    first, second = opened(bench, 0, 1)
    assert opened(bench, 0) == [first]
    opened(bench, 2)
    assert (opened(bench, 1)[0] is second) is is_there


def test_the_last_one_is_kept_however_large_it_is(open_bench):
    bench = open_bench(memo_gib=0.0)
    (fold,) = opened(bench, 0)
    assert opened(bench, 0)[0] is fold


def test_how_long_encoding_takes_is_measured_once(open_bench, monkeypatch):
    bench = open_bench(memo_gib=1.0)
    opened(bench, 0)
    found = bench.encode_ms(0, Encoding(), NUMBERS)
    assert found > 0
    monkeypatch.setattr("automl.trial.worker_state.min_time_ms", lambda work: 1e9)
    assert bench.encode_ms(0, Encoding(), NUMBERS) == found
