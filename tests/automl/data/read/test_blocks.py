"""A file read in blocks gives what it gives when all of it is read as texts first."""

import io
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automl.data import ReadOptions, describe_table, load_dataset
from automl.data.options import Roles
from automl.data.read import blocks
from automl.data.read import column_parts as parts
from automl.data.read import delimited as text
from automl.data.read.formats import read_source
from automl.data.read.layout import Layout
from automl.errors import DataError
from automl.plugin import ColumnKind

N_ROWS = 400
PLAIN = ("0", "1", "-1", "2.50", "0.5", "-0", "1e3", "+7", "5.", ".5", "123456789012345")
ODD = ("007", "-01", "1234567890123456", "inf", "nan", "NA", "", "?", "x", "1,5", " 1", "1 ", "$3")
QUOTED = ('"1"', '"a, b"', '"say ""hi"""', '"two\nlines"', '" "', '"007"')
WORDS = ("a", "b", "no", "yes", "'=1", "Total", "2020-01-02", "north", "n3")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "SMALLEST", 512)
    monkeypatch.setattr(blocks, "ROWS_A_BLOCK", 20)
    monkeypatch.setattr(parts, "PARTS", 3)
    monkeypatch.setattr(text, "SAMPLE_BYTES", 1000)


@st.composite
def files(draw):
    """A file of a few columns: most cells of one usual sort, and a few others here and there."""
    columns = []
    for _ in range(draw(st.integers(1, 4))):
        usual = draw(st.lists(st.sampled_from(draw(st.sampled_from((PLAIN, WORDS)))), min_size=1))
        cells = [usual[i * 7 % len(usual)] for i in range(N_ROWS)]
        for odd in draw(st.lists(st.sampled_from((*ODD, *QUOTED, *PLAIN)), max_size=2)):
            places = (0, 1, 30, N_ROWS - 2, N_ROWS - 1)
            cells[draw(st.sampled_from(places) | st.integers(0, N_ROWS - 1))] = odd
        columns.append(cells)
    names = ["a", "b", "zip", "c"][: len(columns)]
    if draw(st.integers(0, 3)) == 0:
        names[0] = draw(st.sampled_from(("order date", "1", "", "y", "b")))
    y = [draw(st.sampled_from(("p", "q")))] + ["p" if i % 3 else "q" for i in range(N_ROWS - 1)]
    rows = [",".join(row) for row in zip(*columns, y, strict=True)]
    if draw(st.integers(0, 5)) == 0:
        extra = draw(st.sampled_from((",".join((*names, "goal")), "# end")))
        rows.insert(draw(st.integers(0, N_ROWS)), extra)
    return "\n".join((",".join((*names, "goal")), *rows, ""))


def described(path, options, monkeypatch, in_blocks):
    with monkeypatch.context() as patch:
        if not in_blocks:
            patch.setattr(text, "read_blocks", lambda *_: None)
        try:
            found = describe_table(path, options, "goal")
        except DataError as error:
            return str(error)
    data = {} if found.table is None else found.table.data.to_pydict()
    shown = replace(found, table=None)
    return shown, {key: list(map(repr, cells)) for key, cells in data.items()}


@settings(max_examples=150, deadline=None)
@given(
    data=files(),
    options=st.sampled_from(
        (
            ReadOptions(),
            ReadOptions(missing=("1",)),
            ReadOptions(keep=("NA", "nan")),
            ReadOptions(drop=("a",)),
            ReadOptions(kinds={"zip": "categorical"}),
            ReadOptions(decimal=","),
        )
    ),
)
def test_any_file_reads_as_it_does_as_texts(tmp_path_factory, data, options):
    path = tmp_path_factory.mktemp("blocks") / "file.csv"
    path.write_text(data)
    with pytest.MonkeyPatch.context() as patch:
        assert described(path, options, patch, True) == described(path, options, patch, False)


def rows(*columns, names="a,b,goal"):
    lines = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join((names, *lines, "")).encode()


def in_blocks(data, options=None, names=("a", "b", "goal")):
    options = options or ReadOptions(roles=Roles("goal"))
    form = blocks.Form(Layout(names), ",", ".", options)
    return blocks.read_blocks(partial(io.BytesIO, data), "file", form, data[:1000])


GOAL = ["p", "q"] * (N_ROWS // 2)


def test_numbers_come_as_numbers_words_once_and_the_target_as_texts():
    raw = in_blocks(rows(range(N_ROWS), ["u", "v"] * 200, GOAL))
    types = [str(column.type) for column in raw.columns]
    assert types == ["double", "dictionary<values=string, indices=int32, ordered=0>", "string"]
    assert raw.columns[0].to_pylist() == list(map(float, range(N_ROWS)))
    assert raw.columns[1].cast("string").to_pylist() == ["u", "v"] * 200
    assert raw.columns[2].to_pylist() == GOAL


@pytest.mark.parametrize("code", ["007", "12345678901234567", "x", "inf", " 7"])
def test_one_odd_text_in_the_last_row_brings_all_texts_of_its_column_back(code):
    first = [*(f"{i}.50" for i in range(N_ROWS - 1)), code]
    raw = in_blocks(rows(first, range(N_ROWS), GOAL))
    assert raw.columns[0].cast("string").to_pylist() == first
    assert str(raw.columns[1].type) == "double"
    assert set(raw.starts) == {1}


def test_missing_values_of_numbers_are_missing():
    cells = ["NA" if i % 5 == 0 else i for i in range(N_ROWS)]
    raw = in_blocks(rows(cells, range(N_ROWS), GOAL))
    assert raw.columns[0].to_pylist() == [None if i % 5 == 0 else float(i) for i in range(N_ROWS)]


@pytest.mark.parametrize("name", ["1", "", "NA"])
def test_a_column_whose_name_could_be_a_cell_stays_text(name):
    raw = in_blocks(rows(range(N_ROWS), range(N_ROWS), GOAL, names=f"{name},b,goal"))
    assert set(raw.starts) == {0, 1}  # by the names that were handed in
    raw = in_blocks(
        rows(range(N_ROWS), range(N_ROWS), GOAL, names=f"{name},b,goal"), names=(name, "b", "goal")
    )
    assert set(raw.starts) == {1}


@pytest.mark.parametrize(
    "data",
    [
        rows(["w"] * N_ROWS, ["v"] * N_ROWS, GOAL),
        rows(range(N_ROWS), range(N_ROWS), GOAL) + b"1,2\n",
        rows(range(N_ROWS), range(N_ROWS), GOAL) + b"Total,2,3\n",
        rows(range(N_ROWS), range(N_ROWS), GOAL) + b"1,2,\xff\n",
        rows(range(10), range(10), GOAL[:10]),
    ],
    ids=["no numbers", "a short row", "a total", "another encoding", "few rows"],
)
def test_what_needs_a_closer_look_is_left_to_it(data):
    assert in_blocks(data) is None


def test_without_a_purpose_all_columns_are_texts(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(rows(range(N_ROWS), range(N_ROWS), GOAL))
    assert {str(c.type) for c in read_source(path, ReadOptions()).columns} == {"string"}
    with_roles = read_source(path, ReadOptions(roles=Roles(group="b")))
    assert [str(c.type) for c in with_roles.columns] == ["double", "string", "string"]


def test_a_search_reads_rows_with_a_target_alike(tmp_path, monkeypatch):
    path = tmp_path / "file.csv"
    goal = ["" if i % 7 == 0 else t for i, t in enumerate(GOAL)]
    path.write_bytes(rows((f"{i}.50" for i in range(N_ROWS)), ["u", "v"] * 200, goal))
    fast = load_dataset(path, target="goal")
    monkeypatch.setattr(text, "read_blocks", lambda *_: None)
    slow = load_dataset(path, target="goal")
    assert fast.table.data.equals(slow.table.data)
    assert fast.table.columns == slow.table.columns
    assert fast.y.tolist() == slow.y.tolist()
    assert fast.table.columns[0].kind is ColumnKind.NUMERIC
    assert fast.table.columns[0].examples == ("1.50", "2.50", "3.50")
