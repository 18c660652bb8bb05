import pytest

from automl.data import load_dataset
from automl.data.options import ReadOptions
from automl.data.sources import read_source
from automl.errors import DataError

ROWS = "".join(f"{i},{i * 2},n{i}\n" for i in range(1, 31))


def read(tmp_path, text, name="a.csv"):
    """Names, number of rows, first row, and notes of a file with this text."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    raw = read_source(tmp_path / name, ReadOptions())
    return raw.names, raw.n_rows, [c[0].as_py() for c in raw.columns], raw.notes


def test_repeated_names_are_left_out_and_counted(tmp_path):
    text = "a,b,c\n" + ROWS + "a,b,c\n" + ROWS + "a,b,c\na,2,x\n"
    names, n_rows, _, notes = read(tmp_path, text)
    assert (names, n_rows) == (("a", "b", "c"), 61)
    assert notes == ("a.csv: 2 lines repeat the column names and are left out",)


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("Sales of 2021\n", 2),
        ("Sales of 2021\n\nby shop,,\n", 4),
        ("# made by a tool\n# on Monday, with care, by hand\n", 3),
        ("// made by a tool\n", 2),
    ],
)
def test_titles_and_comments_above_the_names_are_no_rows(tmp_path, above, line):
    names, n_rows, first, notes = read(tmp_path, above + "a,b,c\n" + ROWS)
    assert (names, n_rows, first) == (("a", "b", "c"), 30, ["1", "2", "n1"])
    assert f"the table begins in line {line}, below" in notes[0]


def test_comments_among_the_rows_and_a_source_below_them_are_no_rows(tmp_path):
    text = "a,b,c\n" + ROWS + "# half\n" + ROWS + "Source: the office\n"
    names, n_rows, _, notes = read(tmp_path, text)
    assert (names, n_rows) == (("a", "b", "c"), 60)
    assert notes == (
        "a.csv, line 32 is left out: '# half' is not a row",
        "a.csv, line 63 is left out: 'Source: the office' is not a row",
    )


def test_a_short_row_in_the_middle_is_still_an_error(tmp_path):
    with pytest.raises(DataError, match="line 32: 1 value where the first line names 3 columns"):
        read(tmp_path, "a,b,c\n" + ROWS + "broken\n" + ROWS)


def test_the_name_of_a_lone_column_may_be_a_value_of_it(tmp_path):
    names, n_rows, _, notes = read(tmp_path, "a\n1\na\na\n")
    assert (names, n_rows, notes) == (("a",), 3, ())


@pytest.mark.parametrize("last", ["31,Total,", "31,1,Total", "Total,,x"])
def test_a_label_with_no_number_behind_it_is_no_total(tmp_path, last):
    _, n_rows, _, notes = read(tmp_path, f"a,b,c\n{ROWS}{last}\n")
    assert (n_rows, notes) == (31, ())


@pytest.mark.parametrize("total", ["Total,930,", "total:,930,x", "Grand Total,930,", ",Sum,930"])
def test_a_total_below_the_last_row_is_no_row(tmp_path, total):
    _, n_rows, _, notes = read(tmp_path, f"a,b,c\n{ROWS}{total}\n")
    assert n_rows == 30
    assert "the last row is left out" in notes[0]


def test_a_total_that_is_a_category_is_a_row(tmp_path):
    _, n_rows, _, notes = read(tmp_path, f"a,b,c\nTotal,1,x\n{ROWS}Total,930,\n")
    assert (n_rows, notes) == (32, ())


def test_names_of_rows_and_separators_at_the_end_have_a_column_of_their_own(tmp_path):
    names, n_rows, first, notes = read(tmp_path, "a,b\n" + ROWS)  # as R writes a table
    assert (names, n_rows, first) == (("", "a", "b"), 30, ["1", "2", "n1"])
    assert "names of rows" in notes[0]
    text = "a,b,c\n" + ROWS.replace("\n", ",\n")
    names, n_rows, first, notes = read(tmp_path, text)
    assert (names, n_rows, first) == (("a", "b", "c", ""), 30, ["1", "2", "n1", None])
    assert notes == ()


def test_a_first_line_of_numbers_may_be_no_names_and_that_is_said(tmp_path):
    text = "".join(f"{i}.5,{i},{i % 2}\n" for i in range(30))
    names, n_rows, _, notes = read(tmp_path, text)
    assert (names, n_rows) == (("0.5", "0", "0"), 29)
    assert "is taken for the column names" in notes[0]
    assert load_dataset(tmp_path / "a.csv").notes == notes


def test_a_plain_table_has_no_notes(tmp_path):
    assert read(tmp_path, "a,b,c\n" + ROWS)[1:] == (30, ["1", "2", "n1"], ())


def test_names_may_begin_with_a_hash(tmp_path):
    names, n_rows, *_ = read(tmp_path, "# a tool, of ours, made it\n#id,b,c\n" + ROWS)
    assert (names, n_rows) == (("#id", "b", "c"), 30)
