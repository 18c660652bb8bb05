"""New columns made of several: what is kept, and that no row sees its own target."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from automl.data.encode import TableEncoder
from automl.data.encode.columns.categories import CategoryIndex
from automl.data.encode.columns.target import inner_target
from automl.data.encode.generate.combinations import fit_combinations
from automl.data.encode.generate.generator import Grouping
from automl.data.table import Table
from automl.errors import PluginError
from automl.plugin import Encoding, Task

ALL = Encoding(generated=("arithmetic", "target", "interactions", "groups"))
REGRESSION = {"task": Task.REGRESSION, "n_classes": 0}


def rng(seed=0):
    return np.random.default_rng(seed)


def mixed(seed, n_rows=1600):
    """Columns of every kind that is combined, with missing values; and a target of pairs."""
    draw = rng(seed)
    a, b, c = draw.normal(size=n_rows), draw.uniform(1, 9, n_rows), draw.integers(0, 5, n_rows)
    first, second = draw.integers(0, 6, n_rows), draw.integers(0, 6, n_rows)
    days = draw.integers(0, 900, n_rows)
    y = 4 * a / b + np.where((first + second) % 2 == 0, 1.0, -1.0)
    y += np.where(np.isin(first, (1, 4)), a, -a) * 2

    def holes(values):
        return [None if draw.random() < 0.05 else v for v in values]

    columns = (
        ("numeric", holes(a.tolist())),
        ("numeric", holes(b.tolist())),
        ("numeric", holes(c.astype(float).tolist())),
        ("categorical", holes([f"v{v}" for v in first])),
        ("categorical", holes([f"w{v}" for v in second])),
        ("datetime", holes([dt.datetime(2020, 1, 1) + dt.timedelta(int(d)) for d in days])),
    )
    return columns, y


def test_a_quotient_that_decides_is_found(table, fit):
    draw = rng()
    a, b = draw.uniform(1, 9, (2, 1000))
    encoder, X = fit(
        table(("numeric", a), ("numeric", b), ("numeric", draw.normal(size=1000))),
        Encoding(generated=("arithmetic",)),
        y=a / b,
        **REGRESSION,
    )
    names = encoder.features.names
    assert names[3] in {"c0_over_c1", "c1_over_c0"}
    quotient = X[:, names.index(names[3])]
    expected = a / b if names[3] == "c0_over_c1" else b / a
    np.testing.assert_allclose(quotient, expected, rtol=1e-5)


def test_a_date_minus_a_date_is_found(table, fit):
    draw = rng()
    start, length = draw.integers(0, 1000, 800), draw.integers(0, 60, 800)
    first = [dt.datetime(2020, 1, 1) + dt.timedelta(int(d)) for d in start]
    second = [day + dt.timedelta(int(n)) for day, n in zip(first, length, strict=True)]
    encoder, X = fit(
        table(("datetime", first), ("datetime", second)),
        Encoding(generated=("arithmetic",)),
        y=length.astype(float),
        **REGRESSION,
    )
    n_parts = len(encoder.blocks[0].names) + len(encoder.blocks[1].names)
    assert np.abs(np.corrcoef(X, length, rowvar=False)[-1, n_parts:-1]).max() > 0.999


def test_a_pair_of_categories_that_decides_is_found(table, fit):
    draw = rng()
    a, b = draw.integers(0, 4, (2, 1000))
    y = (a + b) % 2
    data = table(("categorical", [f"v{v}" for v in a]), ("categorical", [f"w{v}" for v in b]))
    encoder, X = fit(data, Encoding(generated=("interactions",)), y=y)
    assert encoder.features.names == ("c0", "c1", "c0_c1_mean0", "c0_c1_count")
    assert encoder.features.categorical == (0, 1)
    assert np.corrcoef(X[:, 2], y)[0, 1] > 0.99


def test_a_number_is_compared_with_its_group(table, fit):
    draw = rng()
    group = draw.integers(0, 20, 2000)
    level = draw.normal(0, 10, 20)[group]
    excess = draw.normal(size=2000)
    data = table(("numeric", level + excess), ("categorical", [f"g{g}" for g in group]))
    encoder, X = fit(data, Encoding(generated=("groups",)), y=excess, **REGRESSION)
    assert encoder.features.names[2] in {"c0_excess_in_c1", "c0_score_in_c1"}
    assert np.corrcoef(X[:, 2], excess)[0, 1] > 0.98


@pytest.mark.parametrize("kind", ["arithmetic", "groups"])
def test_columns_made_of_numbers_far_from_zero_are_told_apart(table, fit, kind):
    draw = rng()
    group, excess = draw.integers(0, 20, 2000), draw.normal(size=2000)
    base = 1e9 + draw.normal(0, 10, 20)[group]
    other = (
        ("numeric", 2e9 - base)
        if kind == "arithmetic"
        else ("categorical", [f"g{g}" for g in group])
    )
    data = table(("numeric", base + excess), other)
    encoder, X = fit(data, Encoding(generated=(kind,)), y=excess, **REGRESSION)
    assert X.shape[1] > 2
    for column in X[:, 2:].T:
        assert len(np.unique(column)) > 1900
    np.testing.assert_array_equal(encoder.transform(data), X)


def test_nothing_is_made_where_columns_add_up(table, fit):
    draw = rng()
    a, b = draw.normal(size=(2, 1000))
    data = table(("numeric", a), ("numeric", b), ("categorical", draw.choice(list("xyz"), 1000)))
    encoding = Encoding(generated=("arithmetic", "interactions", "groups"))
    y = draw.normal(size=1000)
    assert fit(data, encoding, y=y, **REGRESSION)[0].features.names == ("c0", "c1", "c2")


def test_few_rows_get_no_new_columns(table, fit):
    columns, y = mixed(0, n_rows=150)
    assert fit(table(*columns), ALL, y=y, **REGRESSION)[0].generators == ()


def test_every_kind_is_made_of_the_mixed_table(table, fit):
    columns, y = mixed(0)
    encoder, X = fit(table(*columns), ALL, y=y, **REGRESSION)
    names = encoder.features.names
    assert len(set(names)) == len(names) == X.shape[1]
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)
    assert [type(g).__name__ for g in encoder.generators] == [
        "ArithmeticGenerator",
        "CombinationGenerator",
        "CombinationGenerator",
        "GroupGenerator",
    ]


def test_what_is_saved_encodes_bit_for_bit_alike(table, fit, tmp_path):
    columns, y = mixed(0)
    encoder, _ = fit(table(*columns), ALL, y=y, **REGRESSION)
    encoder.save(tmp_path)
    loaded = TableEncoder.load(tmp_path)
    assert loaded.features == encoder.features
    new = table(*mixed(1)[0])
    np.testing.assert_array_equal(loaded.transform(new), encoder.transform(new))


def test_other_rows_leave_no_trace(table, fit):
    """Features and target of the rows outside the fold are those of another table."""
    (first, y), (other, y_other) = mixed(0), mixed(7)
    rows = np.arange(0, 1600, 2)
    inside = np.arange(1600) % 2 == 0
    changed = tuple(
        (kind, [a if keep else b for keep, a, b in zip(inside, mine, theirs, strict=True)])
        for (kind, mine), (_, theirs) in zip(first, other, strict=True)
    )
    encoder, X = fit(table(*first), ALL, rows=rows, y=y, **REGRESSION)
    again, X_again = fit(
        table(*changed), ALL, rows=rows, y=np.where(inside, y, 1e6 + y_other), **REGRESSION
    )
    assert again.features == encoder.features
    np.testing.assert_array_equal(X_again, X)
    new = table(*mixed(3)[0])
    np.testing.assert_array_equal(again.transform(new), encoder.transform(new))


def test_the_seed_decides_and_nothing_else(table, fit):
    columns, y = mixed(0)
    first, again = (fit(table(*columns), ALL, y=y, seed=5, **REGRESSION)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_rows_are_encoded_alike_alone_and_together_in_any_column_order(table, fit):
    columns, y = mixed(0)
    encoder, _ = fit(table(*columns), ALL, y=y, **REGRESSION)
    new = table(*mixed(1)[0])
    together = encoder.transform(new)
    np.testing.assert_array_equal(
        encoder.transform(new, np.array([5, 3, 99])), together[[5, 3, 99]]
    )
    shuffled = Table(new.data.select(["c5", "c3", "c1", "c0", "c4", "c2"]), new.columns)
    np.testing.assert_array_equal(encoder.transform(shuffled), together)


def test_unseen_and_missing_values_are_encoded(table, fit):
    columns, y = mixed(0)
    encoder, _ = fit(table(*columns), ALL, y=y, **REGRESSION)
    strange = table(
        ("numeric", [None, 0.0, 1e300]),
        ("numeric", [0.0, 0.0, 1e30]),
        ("numeric", [77.0, None, -1e30]),
        ("categorical", ["never", None, "v1"]),
        ("categorical", ["w1", None, "never"]),
        ("datetime", [None, None, dt.datetime(1700, 1, 1)]),
    )
    X = encoder.transform(strange)
    names = encoder.features.names
    assert not np.isinf(X).any()
    assert np.isnan(X[0, [names.index(n) for n in names if "c0_over" in n]]).all()
    pair = names.index("c3_c4_mean0")
    np.testing.assert_allclose(X[[0, 2], pair], y.mean(), rtol=1e-5)
    assert np.isfinite(
        X[:, [names.index(n) for n in names if n.endswith(("mean0", "count"))]]
    ).all()


@pytest.mark.parametrize("generated", [("target",), ("interactions",), ALL.generated])
def test_a_random_target_cannot_be_told_from_the_columns(table, fit, generated):
    """Categories with few rows each and a target of coin tosses: no column may know it."""
    draw = rng(1)
    n_rows = 3000
    y = draw.integers(0, 2, n_rows)
    data = table(
        *(("categorical", [f"v{v}" for v in draw.integers(0, 300, n_rows)]) for _ in range(3)),
        ("numeric", draw.normal(size=n_rows)),
        ("numeric", draw.normal(size=n_rows)),
    )
    _, X = fit(data, Encoding(generated=generated), y=y)
    made = X[:, 5:]
    related = [abs(np.corrcoef(column, y)[0, 1]) for column in made.T if column.std() > 0]
    assert all(r < 0.08 for r in related)


def test_a_row_is_encoded_without_its_own_target():
    draw = rng(2)
    codes = {"c0": draw.integers(1, 9, 500), "c1": draw.integers(1, 5, 500)}
    groupings = {
        key: Grouping(CategoryIndex.of([f"v{i}" for i in range(values.max())]))
        for key, values in codes.items()
    }
    y = draw.normal(size=500)
    target = inner_target(y, None, Task.REGRESSION, 0, 0)
    changed = replace(target, values=target.values + np.eye(500, 1, k=-7) * 100)
    pairs = [("c0",), ("c0", "c1")]
    before, after = (
        fit_combinations(pairs, groupings, codes, t, rng(0)) for t in (target, changed)
    )
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(after.train[7], before.train[7])
    assert (after.train != before.train).any(axis=0).tolist() == [True, False, True, False]


def test_columns_that_tell_nothing_make_none(table, fit):
    draw = rng(3)
    a, b = draw.uniform(1, 9, (2, 600))
    data = table(
        ("numeric", a),
        ("numeric", b),
        ("numeric", [5.0] * 600),
        ("numeric", [None] * 600),
        ("categorical", ["same"] * 600),
        ("categorical", [None] * 600),
        ("categorical", draw.choice(["yes", "no"], 600)),
    )
    encoder, _ = fit(data, ALL, y=a * b, **REGRESSION)
    used = {key for generator in encoder.generators for key in generator.keys}
    assert used == {"c0", "c1"}


def test_values_at_the_ends_of_the_range_become_missing_not_infinite(table, fit):
    draw = rng(4)
    a, b = draw.uniform(1, 9, (2, 600))
    y = a / b
    a[:4], b[:4] = [1e300, 3e38, -3e38, 1e-310], [1e300, 3e38, 1e-310, 0.0]
    data = table(("numeric", a), ("numeric", b), ("categorical", draw.choice(list("xyz"), 600)))
    encoder, X = fit(data, ALL, y=y, **REGRESSION)
    assert encoder.generators
    assert not np.isinf(X).any()


def test_rows_without_weight_do_not_decide_what_is_made(table, fit):
    draw = rng(5)
    a, b = draw.uniform(1, 9, (2, 1200))
    ignored = np.arange(1200) % 3 == 0
    y = np.where(ignored, draw.normal(0, 1e4, 1200), a / b)
    data = table(("numeric", a), ("numeric", b))
    encoding = Encoding(generated=("arithmetic",))
    assert not fit(data, encoding, y=y, **REGRESSION)[0].generators
    weight = np.where(ignored, 0.0, 1.0)
    assert fit(data, encoding, y=y, weight=weight, **REGRESSION)[0].generators


def test_each_class_has_a_column_and_all_together_are_bounded(table, fit):
    draw = rng(6)
    y = draw.integers(0, 4, 900)
    columns = [("categorical", [f"v{v}" for v in draw.integers(0, 5 + i, 900)]) for i in range(30)]
    encoder, X = fit(
        table(*columns), Encoding(generated=("target",)), y=y, task=Task.MULTICLASS, n_classes=4
    )
    assert encoder.features.names[30:35] == (*(f"c29_mean{i}" for i in range(4)), "c29_count")
    assert X.shape[1] == 30 + 40


def test_new_columns_are_dense(table, fit):
    with pytest.raises(PluginError, match="generated"):
        fit(table(("numeric", range(9))), Encoding(sparse=True, generated=("arithmetic",)))
