import gzip
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from automl.data import load_dataset
from automl.data.options import ReadOptions
from automl.data.read.formats import read_source
from automl.errors import DataError

ROOT = str(Path(__file__).parents[4])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from benchmarks.malformed.workbooks import Failed, Formula, workbook  # noqa: E402

ROWS = [["id", "w", "y"], *([i, i / 4, "ab"[i % 2]] for i in range(8))]
SHEET = "xl/worksheets/sheet1.xml"
HEAD = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'


def read(tmp_path, content, sheet=None, again=False, name="a.xlsx"):
    (tmp_path / name).write_bytes(content)
    return read_source(tmp_path / name, ReadOptions(sheet=sheet), again=again)


def column(raw, name):
    return raw.columns[raw.names.index(name)].to_pylist()


def test_a_sheet_gives_what_a_csv_file_of_it_gives(tmp_path):
    moments = [datetime(2021, 3, i + 1, 12, 30) for i in range(20)]
    cells = [
        ["zip", "n", "day", "at", "clock", "took", "flag", "word", "y"],
        *(
            [
                *(f"{i:03}", 1.5 * i, date(2021, 3, i + 1), moments[i], time(8, i)),
                *(timedelta(hours=20 + i), i % 3 == 0, "red" if i % 2 else "blue", i % 2),
            ]
            for i in range(20)
        ),
    ]
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"Data": cells}))
    found = load_dataset(path)
    kinds = {c.name: str(c.kind) for c in found.table.columns}
    assert kinds == {
        **dict(zip(("zip", "n", "day"), ("categorical", "numeric", "datetime"), strict=True)),
        **dict(zip(("at", "clock", "took"), ("datetime", "numeric", "numeric"), strict=True)),
        **{"flag": "boolean", "word": "categorical"},
    }
    data = {c.name: found.table.data[c.key].to_pylist() for c in found.table.used}
    assert data["n"] == [1.5 * i for i in range(20)]
    assert data["at"] == moments
    assert data["clock"] == [8 * 3600 + 60 * i for i in range(20)]
    assert data["took"] == [3600 * (20 + i) for i in range(20)]
    assert found.target.classes == (0, 1)


def test_whole_numbers_keep_their_digits_and_large_ones_stay_numbers(tmp_path):
    raw = read(tmp_path, workbook({"S": [["a", "b"], [123456789012345, 1e20], [2, -1.5e-7]]}))
    assert column(raw, "a") == ["123456789012345", "2"]
    assert column(raw, "b") == ["1e+20", "-1.5e-07"]


def test_errors_and_blanks_are_missing_and_unsaved_formulas_are_said(tmp_path):
    cells = [["a", "b", "c"], [Failed("#REF!"), 1, Formula("B2", 7.0)], [None, 2, Formula("B3")]]
    raw = read(tmp_path, workbook({"S": cells}))
    assert (column(raw, "a"), column(raw, "c")) == ([None, None], ["7", None])
    assert "1 cell holds a formula whose value was not saved" in raw.notes[0]


def test_titles_blank_rows_and_columns_and_totals_are_no_part_of_the_table(tmp_path):
    padded = [[None, *row, None] for row in ROWS]
    below = [[None], [None, "Total", 7.0, None]]
    cells = [["Sales of 2021"], [], *padded[:4], [], *padded[4:], *below, [], [None] * 9]
    raw = read(tmp_path, workbook({"S": cells}, merged=["A1:E1"]))
    assert raw.names[1:4] == ("id", "w", "y")
    assert column(raw, "id") == [str(i) for i in range(8)]
    assert "the table begins in line 3, below 'Sales of 2021'" in raw.notes[0]
    assert "it is a sum of others: 'Total'" in raw.notes[1]


def test_merged_cells_name_all_columns_and_rows_that_they_span(tmp_path):
    cells = [["g", "size", None, "y"], [None, "w", "h", None]]
    cells += [["a", 1, 2, 0], [None, 2, 3, 1], ["b", 3, 4, 0], [None, 5, 6, 1]]
    merged = ["A1:A2", "B1:C1", "D1:D2", "A3:A4"]
    raw = read(tmp_path, workbook({"S": cells}, merged=merged))
    assert raw.names == ("g", "size w", "size h", "y")
    assert column(raw, "g") == ["a", "a", "b", None]
    assert any("joined from merged cells" in note for note in raw.notes)


def test_the_first_visible_sheet_is_read_and_others_by_name_or_number(tmp_path):
    other = [["p", "q"], [1, 2], [3, 4]]
    content = workbook({"Old": [["x"]], "Data": ROWS, 'T<&>"': other}, hidden=["Old"])
    raw = read(tmp_path, content)
    assert raw.names == ("id", "w", "y")
    assert "the sheet 'Data' is read, not 'T<&>\"'" in raw.notes[0]
    assert read(tmp_path, content, 'T<&>"').names == ("p", "q")
    assert read(tmp_path, content, "3").names == ("p", "q")
    with pytest.raises(DataError, match=r"no sheet 'data2'; .* 'Data'\?.*data\.sheet=NAME"):
        read(tmp_path, content, "data2")


def test_new_rows_may_stand_in_the_only_sheet_under_another_name(tmp_path):
    assert read(tmp_path, workbook({"New": ROWS}), "Data", again=True).n_rows == 8
    with pytest.raises(DataError, match=r"no sheet 'Data'.*give the sheet with the rows that name"):
        read(tmp_path, workbook({"New": ROWS, "B": ROWS}), "Data", again=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (workbook({"S": []}), "the sheet 'S' is empty"),
        (workbook({"S": [], "B": ROWS}), "empty; others are 'B': use data.sheet"),
        (workbook({"S": ROWS[:1]}), "has column names but no rows"),
        (workbook({"S": ROWS})[:-300], "damaged Excel file.*Open and save it again"),
        (workbook({"S": ROWS}, extra={SHEET: b"<worksheet><open"}), "damaged Excel file"),
        (b"a,y\n1,2\n", "not an Excel file.*rename it to end in .csv"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password: remove it",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, r"old format \(.xls\).*save it as"),
    ],
)
def test_what_cannot_be_read_is_said_with_a_way_out(tmp_path, content, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("part", "text", "said"),
    [
        (SHEET, HEAD + "<row/>" * 30_000_000, "grows to more than"),
        ("xl/sharedStrings.xml", "<sst>" + "<si/>" * 30_000_000, "grows to more than"),
        (
            SHEET,
            f'{HEAD}<row r="9"><c r="XFD9000000"><v>1</v></c></row>',
            "up to the cell XFD9",
        ),
    ],
)
def test_a_workbook_beyond_reason_is_refused_before_it_is_parsed(tmp_path, part, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, workbook({"S": ROWS}, extra={part: text.encode()}))


def test_cells_that_are_only_formatted_span_nothing(tmp_path):
    far = '<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData></worksheet>'
    rows = '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row>'
    rows += '<row r="2"><c r="A2"><v>3</v></c><c r="B2"><v>4</v></c></row>'
    content = workbook({"S": ROWS}, extra={SHEET: (HEAD + rows + far).encode()})
    assert read(tmp_path, content).n_rows == 1


def test_other_names_for_a_workbook_are_told(tmp_path):
    content = workbook({"S": ROWS})
    with pytest.raises(DataError, match=r"is an Excel file: rename it to end in \.xlsx"):
        read(tmp_path, content, name="a.csv")
    (tmp_path / "a.csv").write_text("a,y\n1,2\n3,4\n")
    with pytest.raises(DataError, match=r"data\.sheet='S': .* is not an Excel"):
        read_source(tmp_path / "a.csv", ReadOptions(sheet="S"))


def test_a_compressed_workbook_is_refused(tmp_path):
    with pytest.raises(DataError, match="compressed Excel file: decompress it first"):
        read(tmp_path, gzip.compress(workbook({"S": ROWS})), name="a.xlsx.gz")


def test_without_the_library_a_line_says_how_to_save_a_csv_file(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(DataError, match=r"save the sheet as CSV, or install .*\[excel\]"):
        read(tmp_path, workbook({"S": ROWS}))


def test_cells_are_strings_like_those_of_a_text_file(tmp_path):
    raw = read(tmp_path, workbook({"S": ROWS}))
    assert all(pa.types.is_string(c.type) for c in raw.columns)
