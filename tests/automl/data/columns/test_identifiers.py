import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from automl.data import (
    ReadOptions,
    describe_table,
    load_dataset,
    load_features,
    open_dataset,
    save_dataset,
)
from automl.data.columns.identifiers import is_identifier

N = 4_000


def effects(codes, seed, spread=1.0):
    """An effect of each code that has nothing to do with its order."""
    return np.random.default_rng(seed).normal(0, spread, codes.max() + 1)[codes]


def shops(seed=0, n_rows=N, n_shops=120):
    """Rows of shops with numbers of three or four digits, of which each sells as it does."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_shops, n_rows)
    numbers = rng.permutation(np.arange(100, 9_000))[:n_shops][codes]
    rooms = rng.integers(1, 60, n_rows)
    y = effects(codes, seed) + 0.02 * rooms + rng.normal(0, 1, n_rows)
    return pd.DataFrame({"shop": numbers, "rooms": rooms, "noise": rng.normal(size=n_rows), "y": y})


def kinds(data, options=None, **about):
    table = load_dataset(data, target="y", options=options, **about).table
    return {c.name: c.kind.value for c in table.used}


def test_numbers_that_name_things_are_categories_and_quantities_stay_numbers():
    assert kinds(shops()) == {"shop": "categorical", "rooms": "numeric", "noise": "numeric"}


@pytest.mark.parametrize("name", ["x", "userId", "zip_code", "shop_no", "movieid"])
def test_any_name_but_that_of_a_quantity_will_do(name):
    assert kinds(shops().rename(columns={"shop": name}))[name] == "categorical"


@pytest.mark.parametrize("name", ["age", "n_days", "distance", "shop_count", "store size"])
def test_a_quantity_by_name_stays_a_number(name):
    assert kinds(shops().rename(columns={"shop": name}))[name] == "numeric"


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_are_explained_too(n_classes):
    data = shops(n_rows=6_000)
    data["y"] = pd.qcut(data.y, n_classes, labels=list("abcd")[:n_classes]).astype(str)
    assert kinds(data)["shop"] == "categorical"


def test_an_order_that_tells_as_much_keeps_a_number():
    data = shops()
    rng = np.random.default_rng(1)
    data["x"] = rng.integers(0, 400, N)
    data["y"] = np.sin(data.x / 40) + rng.normal(0, 0.5, N)
    assert kinds(data)["x"] == "numeric"


def test_a_number_whose_order_tells_most_stays_one_though_its_values_tell_more():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 400, 20_000)
    y = np.sin(x / 40) + effects(x, 5, 0.2) + rng.normal(0, 0.5, 20_000)
    assert kinds(pd.DataFrame({"x": x, "z": rng.normal(size=20_000), "y": y}))["x"] == "numeric"


def test_amounts_that_most_rows_lack_and_dates_stay_numbers():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 200, N)
    days = pd.date_range("2021-01-01", periods=200).strftime("%Y%m%d").astype(int).to_numpy()
    amounts = np.where(rng.random(N) < 0.4, 1_000 + 7 * codes, 0)
    y = effects(codes, 3) + rng.normal(0, 0.5, N)
    data = pd.DataFrame({"a": days[codes], "b": amounts, "c": 1 + codes, "d": codes + 0.5, "y": y})
    assert kinds(data) == {"a": "numeric", "b": "numeric", "c": "categorical", "d": "numeric"}


@pytest.mark.parametrize("seed", range(20))
def test_thirty_columns_of_noise_stay_numbers(seed):
    rng = np.random.default_rng(seed)
    columns = {f"x{i}": rng.integers(0, 30 + 10 * i, 1_000) for i in range(15)}
    columns |= {f"x{i}_id": rng.integers(0, 25 + 20 * i, 1_000) for i in range(15)}
    data = pd.DataFrame(columns)
    data["y"] = rng.integers(0, 2, 1_000)
    assert set(kinds(data).values()) == {"numeric"}


def test_what_a_person_sets_wins():
    options = ReadOptions(kinds={"shop": "numeric", "rooms": "categorical"})
    assert kinds(shops(), options)["shop"] == "numeric"
    assert kinds(shops(), options)["rooms"] == "categorical"


def test_identifiers_that_groups_or_time_make_new_stay_numbers():
    rng = np.random.default_rng(4)
    patient = np.repeat(np.arange(200), 20)
    y = effects(patient, 4) + rng.normal(0, 0.5, N)
    data = pd.DataFrame({"patient_id": patient, "family": patient // 2, "t": range(N), "y": y})
    data["x"] = rng.normal(size=N)
    assert kinds(data)["patient_id"] == "categorical"
    assert kinds(data, group="family")["patient_id"] == "numeric"
    assert kinds(data, time_column="t")["patient_id"] == "numeric"


def test_inspection_says_the_same_with_the_reason():
    data = shops()
    data.loc[::9, "y"] = None
    shop = describe_table(data, target="y").columns[0]
    assert shop.kind.value == "categorical"
    assert "single values explain" in shop.reason
    assert shop.reason == load_dataset(data, target="y").table.columns[0].reason


def test_the_kind_is_stored_with_the_data(tmp_path):
    dataset = load_dataset(shops(), target="y")
    save_dataset(dataset, tmp_path)
    again = open_dataset(tmp_path)
    assert again.table.columns == dataset.table.columns
    assert is_identifier(again.table.columns[0])


@pytest.mark.parametrize("written", [int, float, str, "{:,}".format, "{}.0".format])
def test_new_rows_have_the_categories_of_training_however_they_are_written(written):
    data = shops()
    data["shop"] = data.shop * 100_000
    table = load_dataset(data, target="y").table
    assert table.columns[0].kind.value == "categorical"
    new = data.head(50).assign(shop=[written(v) for v in data.shop.head(50)])
    read = load_features(new, table.columns).data["c0"].cast(pa.string()).to_pylist()
    assert read == data.shop.head(50).astype(str).tolist()


def test_new_rows_may_have_unknown_and_missing_numbers():
    table = load_dataset(shops(), target="y").table
    new = pd.DataFrame({"shop": [99_999, None, 12.5], "rooms": 3, "noise": 0.0})
    read = load_features(new, table.columns).data["c0"].cast(pa.string()).to_pylist()
    assert read == ["99999", None, "12.5"]


def test_a_known_run_says_which_columns_are_identifiers():
    given = ReadOptions(identifiers=frozenset({"rooms"}))
    assert kinds(shops(), given) == {"shop": "numeric", "rooms": "categorical", "noise": "numeric"}


def test_many_rows_are_judged_by_a_sample():
    few, many = shops(n_rows=250_000), shops(n_rows=250_000, n_shops=8_000)
    assert kinds(few)["shop"] == kinds(many)["shop"] == "categorical"
