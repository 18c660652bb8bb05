import json

import pytest

from automl.data.load import load_dataset
from automl.data.options import ReadOptions
from automl.data.read.formats import read_source
from automl.errors import DataError

ROWS = [{"a": i * 1.5, "b": "uv"[i % 2], "y": i % 3} for i in range(30)]
COLUMNS = {name: [row[name] for row in ROWS] for name in "aby"}


def save(tmp_path, value, **options):
    path = tmp_path / "table.json"
    path.write_text(json.dumps(value, **options))
    return path


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        {"data": ROWS},
        {"status": "ok", "count": 30, "results": ROWS},
        {"response": {"page": 1, "hits": {"total": 30, "items": ROWS}}},
        {"columns": [*"aby"], "index": [*range(30)], "data": [[*row.values()] for row in ROWS]},
        {name: {str(i): v for i, v in enumerate(column)} for name, column in COLUMNS.items()},
        COLUMNS,
    ],
    ids=["array", "data", "results", "deeper", "split", "objects by column", "lists by column"],
)
def test_the_rows_in_one_value_are_read_like_lines(tmp_path, value, indent):
    raw = read_source(save(tmp_path, value, indent=indent), ReadOptions())
    assert {n: c.to_pylist() for n, c in zip(raw.names, raw.columns, strict=True)} == COLUMNS


def test_a_note_names_the_list_of_rows(tmp_path):
    data = load_dataset(save(tmp_path, {"response": {"rows": ROWS}}), target="y")
    assert data.notes == ("table.json: the rows are the list 'response.rows' in it",)


@pytest.mark.parametrize(
    "row",
    [
        {"a": 1, "b": "x"},
        {"ecg": [1.5, 2, 3], "acc": [4, 5, 6]},  # series
        {"a": 1, "tags": []},
        {"a": {"x": 1}, "b": {"z": 2}},
    ],
    ids=str,
)
def test_one_object_without_rows_is_a_row(tmp_path, row):
    raw = read_source(save(tmp_path, row), ReadOptions())
    assert (raw.names, raw.n_rows) == (tuple(row), 1)


def test_a_list_of_objects_in_a_row_of_several_is_a_value(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps({"a": i, "items": ROWS[:2]}) + "\n" for i in range(3)))
    assert read_source(path, ReadOptions()).n_rows == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"data": [{"a": 1}], "included": [{"b": 2}]}', r"2 lists of objects: 'data', 'included'"),
        ('[{"a": 1}, 2]', "item 2 is not an object"),
        ('[{"a": 1},\n{"a": }]', "line 2: Expecting value"),
        ('[{"a": 1},\n{"a": "\\ud83', "line 2"),
    ],
)
def test_what_is_no_table_is_refused_with_a_way_out(tmp_path, text, said):
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"{said}.*one object per line"):
        read_source(path, ReadOptions())


def test_a_large_value_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.data.read.json_document.LARGEST_MIB", 0)
    with pytest.raises(DataError, match=r"of over 0 MiB.*one object per line"):
        read_source(save(tmp_path, ROWS), ReadOptions())
