import io

import pytest

from automl.data import load_dataset
from automl.data.options import ReadOptions
from automl.data.read.formats import read_source

ROWS = "".join(f"{i},{i * 2},n{i}\n" for i in range(1, 31))


def read(tmp_path, text, name="a.csv"):
    """Names, number of rows, first row, and notes of a file with this text."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    raw = read_source(tmp_path / name, ReadOptions())
    return raw.names, raw.n_rows, [c[0].as_py() for c in raw.columns], raw.notes


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


@pytest.mark.parametrize(
    "above", ["Account;DE12;;;;\nPeriod;2023;;;;\n;;;;;\n", "Sales;;;Cost;;\n", "Report;;;;;\n"]
)
def test_titles_that_a_spreadsheet_filled_up_are_no_names(tmp_path, above):
    rows = "".join(f"{i}.01.2023;x{i};{i},5;EUR;k{i % 3};{'ab'[i % 2]}\n" for i in range(10, 30))
    names, n_rows, first, _ = read(tmp_path, f"{above}Day;Payee;Amount;Unit;Kind;y\n{rows}")
    assert names == ("Day", "Payee", "Amount", "Unit", "Kind", "y")
    assert (n_rows, first[:2]) == (20, ["10.01.2023", "x10"])


def test_names_that_are_mostly_blank_are_names_where_no_other_line_is(tmp_path):
    rows = "".join(f"x{i},{i},{i % 7},{i % 5},{i % 3},{'ab'[i % 2]}\n" for i in range(20))
    names, n_rows, *_ = read(tmp_path, f"id,,,,,y\n{rows}")
    assert (names, n_rows) == (("id", "", "", "", "", "y"), 20)


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
    assert "is used as the column names" in notes[0]
    assert load_dataset(tmp_path / "a.csv").notes == notes


def test_a_plain_table_has_no_notes(tmp_path):
    assert read(tmp_path, "a,b,c\n" + ROWS)[1:] == (30, ["1", "2", "n1"], ())


def test_names_may_begin_with_a_hash(tmp_path):
    names, n_rows, *_ = read(tmp_path, "# a tool, of ours, made it\n#id,b,c\n" + ROWS)
    assert (names, n_rows) == (("#id", "b", "c"), 30)


@pytest.mark.parametrize("blank", ["", "   ", "\t"])
def test_blank_lines_are_no_rows_and_nothing_is_said(tmp_path, blank):
    lines = ROWS.splitlines()
    text = "\n".join([blank, "a,b,c", blank, *lines[:9], blank, *lines[9:], blank]) + "\n"
    names, n_rows, first, notes = read(tmp_path, text)
    assert (names, n_rows, first, notes) == (("a", "b", "c"), 30, ["1", "2", "n1"], ())


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_first_line_names_the_separator(tmp_path, mark):
    for width in (2, 3):
        rows = [line.split(",")[:width] for line in f"a,b,c\n{ROWS}".splitlines()]
        text = "".join(mark.join(row) + "\r\n" for row in rows)
        names, n_rows, _, _ = read(tmp_path, f"sep={mark}\r\n{text}")
        assert (names, n_rows) == (("a", "b", "c")[:width], 30)


LIKE_A_ROW = "is used as the column names. If the file has none"


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("1.5,red,2021-03-04\n" + "2.5,blue,2021-03-05\n1.5,red,2021-04-04\n" * 9, True),
        ("7,red\n" + "".join(f"{i},{'red' if i % 2 else 'blue'}\n" for i in range(20)), True),
        ("country,2019,2020\n" + "".join(f"c{i},{i},{i}\n" for i in range(20)), False),
        ("n,red\n" + "".join(f"{i},{'red' if i % 2 else 'blue'}\n" for i in range(20)), False),
        ("1,colour\n" + "".join(f"{i},{'red' if i % 2 else 'blue'}\n" for i in range(20)), False),
        ("a,b\n" + "a,b\nc,b\n" * 9, False),
    ],
)
def test_a_first_line_like_all_others_may_be_no_names_and_that_is_said(tmp_path, text, is_said):
    _, _, _, notes = read(tmp_path, text)
    assert any(LIKE_A_ROW in note for note in notes) is is_said


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_spaces_before_a_quote_are_no_part_of_a_value(tmp_path, monkeypatch, block):
    monkeypatch.setattr(
        "automl.data.read.spaced_quotes.io.BufferedReader", lambda raw, buffer_size: Slow(raw)
    )
    rows = "".join(f'{i},  "red, ""{i}""", "x" , "",{i}\n' for i in range(30))
    (tmp_path / "a.csv").write_text('n, "what, exactly", c , d,y\n' + rows)
    Slow.block = block
    raw = read_source(tmp_path / "a.csv", ReadOptions())
    assert raw.names == ("n", "what, exactly", " c ", " d", "y")
    assert raw.n_rows == 30
    assert raw.columns[3].null_count == 30
    assert raw.columns[1].to_pylist()[7] == 'red, "7"'


class Slow(io.BufferedIOBase):
    """Gives a few bytes at a time."""

    block = 1

    def __init__(self, raw):
        self.raw_file = raw

    def readable(self):
        return True

    def read(self, n=-1):
        parts, wanted = [], 1 << 40 if n is None or n < 0 else n
        while wanted > 0:
            buffer = memoryview(bytearray(min(self.block, wanted)))
            n_read = self.raw_file.readinto(buffer)
            if not n_read:
                break
            parts.append(bytes(buffer[:n_read]))
            wanted -= n_read
        return b"".join(parts)


def test_what_stands_within_quotes_is_no_space_before_one(tmp_path):
    labels = [', ",', '; "x', ' "', "a"] * 9
    rows = "".join('"' + label.replace('"', '""') + '"\n' for label in labels)
    text = "x,label\n" + "".join(f"1,{line}\n" for line in rows.splitlines())
    (tmp_path / "a.csv").write_text(text)
    raw = read_source(tmp_path / "a.csv", ReadOptions())
    assert raw.columns[1].to_pylist() == labels


def test_years_are_names_below_titles_of_fewer_fields(tmp_path):
    above = '"Data Source","Indicators",\n\n"Last Updated","2021-02-17",\n\n'
    rows = "".join(f'"C{i}","K{i % 3}","{i}.5","..","{"yn"[i % 2]}",\n' for i in range(30))
    names, n_rows, *_ = read(tmp_path, f'{above}"Country","Code","2019","2020","y",\n{rows}')
    assert (names, n_rows) == (("Country", "Code", "2019", "2020", "y", ""), 30)


@pytest.mark.parametrize(
    ("rule", "sides", "end"),
    [("+---+---+\n", "|", "30 rows in set (0.00 sec)\n"), ("", "", "(30 rows)\n")],
    ids=["mysql", "psql"],
)
def test_what_database_clients_print_is_a_table(tmp_path, rule, sides, end):
    below = rule or "---+---\n"
    rows = "".join(f"{sides} {i}.5 | {'yn'[i % 2]} {sides}\n" for i in range(30))
    text = f"{rule}{sides} x | y {sides}\n{below}{rows}{rule}{end}"
    names, n_rows, *_ = read(tmp_path, text)
    assert ([n.strip() for n in names if n.strip()], n_rows) == (["x", "y"], 30)
