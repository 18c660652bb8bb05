import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tables import Entry, divide, read_catalog, read_table, write_parts

CATALOG = "name,file,target,task,note\na,a.csv.gz,kind,binary,x\nb,b.csv,y,regression,\n"


@pytest.fixture
def catalog(tmp_path):
    rows = "".join(f"0{i},{'yes' if i % 3 else 'no'},1.50\n" for i in range(40))
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(f"code,kind,price\n{rows}99,NA,2\n98,,2\n")
    (tmp_path / "catalog.csv").write_text(CATALOG)
    return tmp_path / "catalog.csv"


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=200),
    st.booleans(),
    st.integers(0, 5),
)
def test_every_row_is_on_one_side_and_a_quarter_is_tested(target, is_classification, seed):
    train, test = divide(target, is_classification, seed)
    assert sorted([*train, *test]) == list(range(len(target)))
    values, counts = np.unique(target, return_counts=True)
    groups = counts[counts > 1] if is_classification else np.array([len(target)])
    assert abs(len(test) - groups.sum() / 4) <= 1 + (groups < 4).sum()
    if is_classification:
        assert set(np.asarray(target)[train]) == set(values)


def test_each_class_is_divided_alike():
    target = ["a"] * 400 + ["b"] * 40 + ["c"]
    _, test = divide(target, True, seed=0)
    tested = np.asarray(target)[test]
    assert abs((tested == "a").sum() - 100) <= 1
    assert abs((tested == "b").sum() - 10) <= 1
    assert (tested == "c").sum() == 0


def test_a_division_depends_on_seed_and_table_and_on_nothing_else():
    target = [str(i % 3) for i in range(90)]
    first = divide(target, True, 1, "a")[1]
    assert divide(target, True, 1, "a")[1].tolist() == first.tolist()
    assert divide(target, True, 2, "a")[1].tolist() != first.tolist()
    assert divide(target, True, 1, "b")[1].tolist() != first.tolist()


def test_values_are_copied_as_text_and_rows_without_target_left_out(catalog, tmp_path):
    entry = read_catalog(catalog, ["a"])[0]
    assert len(read_table(entry)) == 40
    parts = [pd.read_csv(p, dtype=str) for p in write_parts(entry, 0, tmp_path)]
    both = pd.concat(parts)
    assert len(both) == 40
    assert set(both["price"]) == {"1.50"}
    assert both["code"].str.startswith("0").all()


def test_a_name_that_is_not_in_the_catalog_is_refused(catalog):
    assert [entry.name for entry in read_catalog(catalog)] == ["a", "b"]
    assert read_catalog(catalog)[1] == Entry("b", catalog.parent / "b.csv", "y", "regression")
    with pytest.raises(SystemExit, match="no table c"):
        read_catalog(catalog, ["a", "c"])
