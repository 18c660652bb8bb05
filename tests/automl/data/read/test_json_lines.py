import gzip
import json
import random
import subprocess
import sys

import pytest

from automl.data.options import ReadOptions
from automl.data.read import json_lines
from automl.data.read.formats import read_source
from automl.data.read.json_lines import DEEPEST
from automl.errors import DataError


def _nested(depth, brackets="[]"):
    opening = {"[]": "[", "{}": '{"a":'}[brackets]
    return opening * depth + "1" + brackets[1] * depth


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("depth", [DEEPEST + 1, 20_000])
def test_what_is_nested_too_deep_is_refused_with_its_line(tmp_path, brackets, depth):
    path = tmp_path / "deep.jsonl"
    path.write_text('{"a": 1, "y": 0}\n' * 3 + f'{{"b": {_nested(depth, brackets)}, "y": 1}}\n')
    with pytest.raises(DataError, match=r"deep\.jsonl, line 4: .*more than 100 deep"):
        read_source(str(path), ReadOptions())


def test_a_compressed_file_is_no_way_around(tmp_path):
    path = tmp_path / "deep.jsonl.gz"
    path.write_bytes(gzip.compress(f'{{"a": {_nested(20_000)}}}\n'.encode()))
    with pytest.raises(DataError, match="more than 100 deep"):
        read_source(str(path), ReadOptions())


def test_brackets_over_many_lines_and_after_broken_ones_count_too(tmp_path):
    path = tmp_path / "deep.jsonl"
    for text in (
        '{"a": ' + "[\n" * 20_000 + "]\n" * 20_000 + "}\n",
        '{"a": 1}\n' + "]" * 20_000 + "\n" + _nested(20_000) + "\n",
        '{"a": "open\n' + _nested(20_000) + "\n",
        '{"a": "open\r' + _nested(20_000) + "\r",
    ):
        path.write_bytes(text.encode())
        with pytest.raises(DataError, match="more than 100 deep"):
            read_source(str(path), ReadOptions())


@pytest.mark.parametrize(
    "text", ["[" * 500, '\\"' + "[" * 500, "\\" * 7 + "{" * 500 + "\\", '"' + "{" * 500 + '"']
)
def test_brackets_in_texts_do_not_count(tmp_path, text):
    path = tmp_path / "texts.jsonl"
    rows = [{"a": text, "y": 1}, {"a": "x", "y": 2}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_source(str(path), ReadOptions()).columns[0].to_pylist() == [text, "x"]


def test_as_deep_as_is_allowed_is_read(tmp_path):
    path = tmp_path / "deep.jsonl"
    path.write_text(f'{{"a": {_nested(DEEPEST - 1)}, "y": 1}}\n' * 3)
    assert read_source(str(path), ReadOptions()).n_rows == 3


def _value(rng, depth):
    if depth == 0:
        return rng.choice(["", '"', "\\", '\\"[', "]}\n", "é[", 1.5, None])
    inner = [_value(rng, rng.randrange(depth)) for _ in range(rng.randrange(3))]
    inner.insert(rng.randrange(len(inner) + 1), _value(rng, depth - 1))
    return inner if rng.random() < 0.5 else {f'k{i}"[\\': v for i, v in enumerate(inner)}


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_is_exact_wherever_blocks_end(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    monkeypatch.setattr(json_lines, "SCAN_BYTES", rng.choice([1, 2, 7, 64]))
    path = tmp_path / "any.jsonl"
    values = [{"a": _value(rng, depth)} for depth in (0, 2, 5, 3)]
    path.write_text("\n".join(json.dumps(v, ensure_ascii=False) for v in values))
    monkeypatch.setattr(json_lines, "DEEPEST", 6)
    assert read_source(str(path), ReadOptions()).n_rows == 4
    monkeypatch.setattr(json_lines, "DEEPEST", 5)
    with pytest.raises(DataError, match=r"line 3: .*more than 5 deep"):
        read_source(str(path), ReadOptions())


def test_a_compressed_file_that_grows_beyond_reason_ends_the_program(tmp_path):
    """Arrow's thread that reads ahead kept the process alive after the error."""
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(150):
            file.write(b'{"a": 1, "y": 0}\n' * 70_000)
    done = subprocess.run(
        [sys.executable, "-m", "automl", "inspect", str(path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "grows to more than" in done.stderr


@pytest.mark.parametrize("n_rows", [10, 100_000])  # in one block, and in several
def test_values_of_several_types_are_texts(tmp_path, n_rows):
    path = tmp_path / "a.jsonl"
    odd = {"a": "odd", "b": True, "c": [1, {"d": 2}], "y": 0}
    lines = [{"a": 1.5, "b": i, "c": [1], "y": i % 2, "text": "x" * 50} for i in range(n_rows)]
    lines[n_rows // 2] = odd
    path.write_text("\n\n".join(json.dumps(line) for line in lines))
    raw = read_source(path, ReadOptions())
    assert raw.names == ("a", "b", "c", "y", "text")
    at = [column[n_rows // 2].as_py() for column in raw.columns]
    assert at == ["odd", "true", '[1, {"d": 2}]', 0, None]
    assert [column[1].as_py() for column in raw.columns[:3]] == ["1.5", "1", "[1]"]


def test_a_line_that_is_no_object_is_named_also_where_types_differ(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a": "x"}\n{"a": }\n')
    with pytest.raises(DataError, match=r"line 3"):
        read_source(path, ReadOptions())


def test_names_that_are_not_utf8_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a\xff": 1, "y": 2}\n' * 9)
    with pytest.raises(DataError, match="names or texts are not UTF-8"):
        read_source(path, ReadOptions())
