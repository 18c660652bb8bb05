import errno
import io
import json
import math
from datetime import datetime
from pathlib import Path

import pytest

from automl.errors import StorageError
from automl.store import RunDir
from automl.store.log import append_log


def lines(run):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    text = run.log.read_text(encoding="utf-8")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_every_event_is_one_line_in_the_order_of_events(tmp_path):
    run = RunDir(tmp_path)
    append_log(run, "TrialStarted", {"trial": "svm-0"})
    append_log(run, "Note", {"text": "two\nlines"})
    assert [(e["event"], e.get("text")) for e in lines(run)] == [
        ("TrialStarted", None),
        ("Note", "two\nlines"),
    ]


def test_the_time_of_an_event_has_a_zone(tmp_path):
    run = RunDir(tmp_path)
    append_log(run, "Note", {})
    assert datetime.fromisoformat(lines(run)[0]["time"]).tzinfo is not None


def test_what_json_has_no_word_for_is_written_as_text(tmp_path):
    run = RunDir(tmp_path)
    facts = {"score": math.nan, "deep": [{"left": math.inf}], "path": Path("a/b"), "n": 1.5}
    append_log(run, "Note", facts)
    entry = lines(run)[0]
    assert entry["score"] == "nan"
    assert entry["deep"] == [{"left": "inf"}]
    assert entry["path"] == str(Path("a/b"))
    assert entry["n"] == 1.5


def test_the_name_of_a_file_that_is_not_utf8_can_be_logged(tmp_path):
    run = RunDir(tmp_path)
    append_log(run, "Note", {"path": "caf\udce9.csv"})
    assert lines(run)[0]["path"] == "caf\udce9.csv"


def test_a_line_that_finds_no_room_is_not_there_in_part(tmp_path, monkeypatch):
    run = RunDir(tmp_path)
    append_log(run, "Note", {"text": "first"})
    written = io.FileIO.write
    room = [10]

    class Full(io.FileIO):
        def write(self, data):
            if not room[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            n = written(self, data[: room[0]])
            room[0] -= n
            return n

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode, buffering: Full(path, mode.replace("b", "")))
        with pytest.raises(StorageError, match=r"log\.jsonl cannot be written: no space is left"):
            append_log(run, "Note", {"text": "second"})
    append_log(run, "Note", {"text": "third"})
    assert [e["text"] for e in lines(run)] == ["first", "third"]
