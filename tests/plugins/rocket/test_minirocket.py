"""MiniRocket's features against the definition, and what must not change them."""

from itertools import combinations

import numpy as np
import pytest

from automl.plugin import Sequences
from automl_plugins.rocket.minirocket import (
    KERNELS,
    MiniRocket,
    convolved,
    fit_minirocket,
)


def sequences_of(*series):
    """Sequences of ``(n_steps, n_channels)`` each."""
    lengths = [len(s) for s in series]
    values = np.concatenate(series).astype(np.float32)
    return Sequences(values, np.concatenate(([0], np.cumsum(lengths))), np.arange(len(series)))


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    return sequences_of(*(rng.normal(size=(length, 2)) for length in (30, 12, 25, 4, 18, 30)))


def test_kernels_are_all_ways_to_give_three_of_nine_taps_another_weight():
    assert len(KERNELS) == 84
    assert len({tuple(kernel) for kernel in KERNELS}) == 84


@pytest.mark.parametrize("dilation", [1, 3, 7])
def test_outputs_are_convolutions(dilation):
    values = np.random.default_rng(0).normal(size=(3, 2, 20)).astype(np.float32)
    channels = np.ones((84, 2), dtype=bool)
    for number, output in enumerate(convolved(values, dilation, channels)):
        if number % 12:
            continue
        weights = np.full(9, -1.0)
        weights[KERNELS[number]] = 2.0
        dilated = np.zeros(8 * dilation + 1)
        dilated[::dilation] = weights
        padded = np.pad(values.sum(axis=1), ((0, 0), (4 * dilation,) * 2))
        expected = [np.correlate(row, dilated, mode="valid") for row in padded]
        np.testing.assert_allclose(output, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("length", "per_kernel"), [(1, 3), (9, 6), (24, 119), (1_000, 40), (50, 1)]
)
def test_dilations_grow_to_the_length_and_share_the_features(length, per_kernel):
    values = np.random.default_rng(0).normal(size=(3, length, 1))
    rocket = fit_minirocket(sequences_of(*values), per_kernel * len(KERNELS), False, seed=0)
    dilations, counts = rocket.dilations, [biases.shape[1] for biases in rocket.biases]
    assert dilations[0] == 1
    assert (np.diff(dilations) > 0).all()
    assert 8 * dilations[-1] < max(length, 9)
    assert sum(counts) == per_kernel
    assert min(counts) > 0


@pytest.mark.parametrize(
    ("n_steps", "n_features"), [(60, 84), (60, 84 * 40), (300, 84 * 119), (7, 84 * 3)]
)
def test_a_fit_gives_the_features_of_a_plain_reference(n_steps, n_features):
    """Written from the paper step by step, one kernel after the other; differs in speed alone.

    The package of the authors and its ports need numba, which no other test of ours does.
    """
    x = np.random.default_rng(0).normal(size=(4, n_steps)).cumsum(axis=1)
    x = ((x - x.mean()) / x.std()).astype(np.float32)
    rocket = fit_minirocket(sequences_of(*x[:, :, np.newaxis]), n_features, False, seed=0)
    dilations, counts = reference_dilations(n_steps, n_features // 84)
    assert rocket.dilations.tolist() == dilations
    assert [biases.shape[1] for biases in rocket.biases] == counts
    quantiles = iter((i * (1 + 5**0.5) / 2) % 1 for i in range(1, n_features + 1))
    expected = []
    for number, dilation in enumerate(dilations):
        for kernel, taps in enumerate(combinations(range(9), 3)):
            outputs = np.array([reference_output(row, taps, dilation) for row in x])
            shares = [next(quantiles) for _ in range(counts[number])]
            # the biases of a kernel are quantiles of its output for some training row
            of_rows = np.quantile(outputs, shares, axis=1).T
            found = rocket.biases[number][kernel]
            biases = min(of_rows, key=lambda row: np.abs(row - found).max())
            np.testing.assert_allclose(found, biases, atol=1e-4)
            reach, is_padded = 4 * dilation, (number + kernel) % 2 == 0
            region = outputs if is_padded or n_steps <= 2 * reach else outputs[:, reach:-reach]
            expected += [(region > bias).mean(axis=1) for bias in biases]
    features = rocket.transform(sequences_of(*x[:, :, np.newaxis]))
    # some biases are outputs of a training row: rounding may count that one step otherwise
    assert np.isclose(features, np.array(expected).T, atol=1e-6).mean() > 0.995


def reference_dilations(n_steps, per_kernel):
    """The dilations, and how many features of each kernel every one of them has."""
    n_spread = min(per_kernel, 32)
    exponent = max(0.0, np.log2((n_steps - 1) / 8))
    spread = [int(2 ** (i * exponent / max(1, n_spread - 1))) for i in range(n_spread)]
    dilations = sorted(set(spread))
    counts = [int(spread.count(dilation) * per_kernel / n_spread) for dilation in dilations]
    for i in range(per_kernel - sum(counts)):
        counts[i % len(counts)] += 1
    return dilations, counts


def reference_output(row, taps, dilation):
    """One kernel over one sequence that is padded with zeros."""
    dilated = np.zeros(8 * dilation + 1)
    dilated[::dilation] = [2.0 if tap in taps else -1.0 for tap in range(9)]
    return np.correlate(np.pad(row.astype(np.float64), 4 * dilation), dilated, mode="valid")


def test_features_are_shares_of_the_steps_above_a_bias():
    values = np.random.default_rng(0).normal(size=(15, 1))
    sequences = sequences_of(values)
    biases = np.linspace(-2, 2, 84, dtype=np.float32)[:, None]
    ones = np.ones(1)
    rocket = MiniRocket(0 * ones, ones, np.array([1]), np.ones((1, 84, 1), bool), (biases,), False)
    features = rocket.transform(sequences)[0]
    outputs = convolved(values.T[None].astype(np.float32), 1, np.ones((84, 1), dtype=bool))
    for number, output in enumerate(outputs):
        region = slice(0, 15) if number % 2 == 0 else slice(4, 11)
        assert features[number] == pytest.approx((output[0, region] > biases[number]).mean())


@pytest.mark.parametrize("differences", [False, True])
def test_a_sequence_has_its_features_whatever_stands_beside_it(made, differences):
    rocket = fit_minirocket(made, 500, differences, seed=0)
    together = rocket.transform(made)
    assert together.shape == (6, rocket.n_features)
    assert together.min() >= 0
    assert together.max() <= 1
    for i in range(6):
        np.testing.assert_array_equal(rocket.transform(made[[i]])[0], together[i])


def test_large_tables_are_read_in_parts(made, monkeypatch):
    rocket = fit_minirocket(made, 84, False, seed=0)
    whole = rocket.transform(made)
    monkeypatch.setattr("automl_plugins.rocket.minirocket.CHUNK_VALUES", 100)
    np.testing.assert_array_equal(rocket.transform(made), whole)


def test_the_unit_of_a_channel_does_not_matter(made):
    scaled = Sequences(made.values * np.float32([4.0, 0.5]) + 8, made.offsets, made.index)
    a, b = (fit_minirocket(s, 168, False, seed=0).transform(s) for s in (made, scaled))
    assert np.abs(a - b).mean() < 1e-3


def test_missing_values_and_single_steps_give_numbers(made):
    values = np.where(np.random.default_rng(1).random(made.values.shape) < 0.3, np.nan, made.values)
    holed = Sequences(values.astype(np.float32), made.offsets, made.index)
    single = sequences_of(np.array([[np.nan, 1.0]]))
    rocket = fit_minirocket(holed, 168, True, seed=0)
    assert np.isfinite(rocket.transform(holed)).all()
    assert np.isfinite(rocket.transform(single)).all()


def test_seeds_give_other_biases_and_the_same_seed_the_same(made):
    first, again, other = (fit_minirocket(made, 168, False, seed).biases[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_features_are_built_again_from_their_state(made):
    rocket = fit_minirocket(made, 168, True, seed=0)
    again = MiniRocket.from_state(*rocket.state())
    np.testing.assert_array_equal(again.transform(made), rocket.transform(made))
