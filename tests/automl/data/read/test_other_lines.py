"""Lines of a text file that are no rows: totals, footers, further headings, repeated names."""

import pytest

from automl.data import load_dataset
from automl.data.options import ReadOptions
from automl.data.read.formats import read_source
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


def test_a_line_of_units_below_the_names_is_no_row(tmp_path):
    names, n_rows, first, notes = read(tmp_path, "a,b,c\nkg,n,name\n" + ROWS)
    assert (names, n_rows, first) == (("a", "b", "c"), 30, ["1", "2", "n1"])
    assert "the line below the names is left out" in notes[0]
    assert "'kg', 'n'" in notes[0]


@pytest.mark.parametrize("line", ["n.a.,2,x", "sold,2,x", "n.a.,unknown,x", ",,x"])
def test_a_first_row_with_a_few_odd_cells_is_a_row(tmp_path, line):
    _, n_rows, _, notes = read(tmp_path, f"a,b,c\n{line}\n" + ROWS)
    assert (n_rows, notes) == (31, ())


@pytest.mark.parametrize("rule", ["|---|:----:|--:|", "|=====|===|==|"])
def test_a_rule_below_the_names_is_no_row(tmp_path, rule):
    rows = "".join(f"| {i} | n{i} | {i % 2} |\n" for i in range(20))
    names, n_rows, first, notes = read(tmp_path, f"| x | name | y |\n{rule}\n{rows}")
    assert ([n.strip() for n in names], n_rows) == (["", "x", "name", "y", ""], 20)
    assert first[2].strip() == "n0"
    assert "a.csv: the rule below the names is left out" in notes


@pytest.mark.parametrize("row", ["--,5,x", "-,-,-", "--,,"])
def test_a_first_row_of_dashes_for_missing_values_is_a_row(tmp_path, row):
    assert read(tmp_path, f"x,z,y\n{row}\n{ROWS}")[1] == 31


@pytest.mark.parametrize(
    "word",
    [
        *("Summe", "Gesamt", "Gesamtergebnis", "Zwischensumme", "Total g\u00e9n\u00e9ral", "Somme"),
        *("Totale", "Totale complessivo", "Total general", "Suma", "Total geral", "Totaal"),
        *("\u0418\u0442\u043e\u0433\u043e:", "\u5408\u8a08", "\u5408\u8ba1", "\ud569\uacc4"),
    ],
)
@pytest.mark.parametrize("cells", ["930,", '"1.234,56 \u20ac",', "1\u202f234,"])
def test_totals_of_other_languages_are_no_rows(tmp_path, word, cells):
    _, n_rows, _, notes = read(tmp_path, f"a,b,c\n{ROWS}{word},{cells}\n")
    assert n_rows == 30
    assert "the last row is left out" in notes[0]


def test_several_totals_are_no_rows(tmp_path):
    _, n_rows, _, notes = read(tmp_path, f"a,b,c\n{ROWS}Subtotal,900,\nAverage,31,\nTotal,930,\n")
    assert n_rows == 30
    assert "the last 3 rows are left out" in notes[0]


@pytest.mark.parametrize("last", ["Summer,930,", "Totalle,930,", "Media,930,", "Gesamthof,1,"])
def test_words_like_totals_are_rows(tmp_path, last):
    assert read(tmp_path, f"a,b,c\n{ROWS}{last}\n")[1] == 31


DAYS = "".join(f"2021-03-{i:02},{i}.50,n{i % 3},x\n" for i in range(1, 29))


def test_titles_and_footers_of_two_fields_are_no_rows(tmp_path):
    text = f'"Account:","DE12"\nOld balance,"1,234.50 EUR"\nday,sum,name,y\n{DAYS}New balance,9\n'
    names, n_rows, first, notes = read(tmp_path, text)
    assert (names, n_rows, first[0]) == (("day", "sum", "name", "y"), 28, "2021-03-01")
    assert "line 32 is left out: 'New balance,9'" in notes[0]
    assert "the table begins in line 3, below 'Account:,DE12'" in notes[1]


@pytest.mark.parametrize("cut", ["2021-03-29,4", "2021-03-29,4.50,n"])
def test_a_last_row_that_was_cut_off_is_an_error(tmp_path, cut):
    with pytest.raises(DataError, match=r"line 30: .* values where the first line names 4"):
        read(tmp_path, f"day,sum,name,y\n{DAYS}{cut}")


def test_names_of_too_few_columns_are_an_error(tmp_path):
    with pytest.raises(DataError, match="line 2: 4 values where the first line names 2"):
        read(tmp_path, f"day,sum\n{DAYS}")


def test_questions_and_ids_below_the_names_are_no_rows(tmp_path):
    above = "StartDate,Q1,Q2\nStart Date,How old are you?,Happy?\n"
    above += '"{""id"":""start""}","{""id"":""Q1""}","{""id"":""Q2""}"\n'
    rows = "".join(f"2021-03-{i:02},{20 + i},{'yn'[i % 2]}\n" for i in range(1, 29))
    names, n_rows, first, notes = read(tmp_path, above + rows)
    assert (names, n_rows, first) == (("StartDate", "Q1", "Q2"), 28, ["2021-03-01", "21", "n"])
    assert "the 2 lines below the names are left out" in notes[0]


def test_a_second_line_of_names_completes_the_first(tmp_path):
    above = "id,age,fruits,,,size,size,\n,Open answer,Apples,Pears,Other,w,h,y\n"
    rows = "".join(f"{i},{20 + i},Apples,,,{i},{i + 1},{'yn'[i % 2]}\n" for i in range(30))
    names, n_rows, *_ = read(tmp_path, above + rows)
    assert names == ("id", "age", "fruits", "Pears", "Other", "size w", "size h", "y")
    assert n_rows == 30


@pytest.mark.parametrize("line", [",open,x,", "1,open,x,1", "n.a.,open,,1"])
def test_a_first_row_without_a_number_is_a_row_where_all_columns_have_names(tmp_path, line):
    rows = "".join(f"{i},{i / 2},{'xy'[i % 2]},{i}\n" for i in range(30))
    assert read(tmp_path, f"a,b,c,d\n{line}\n{rows}")[1] == 31


def test_headings_of_a_file_that_is_read_in_blocks_are_no_rows(tmp_path):
    rows = "".join(f"{i},{i / 7},{'yn'[i % 2]}\n" for i in range(40_000))
    (tmp_path / "a.csv").write_text(f"a,b,y\nHow many?,How long?,Happy?\n{rows}Summe,9,\n")
    table = load_dataset(tmp_path / "a.csv", target="y").table
    assert table.n_rows == 40_000
    assert [c.n_misfits for c in table.columns] == [0, 0]
