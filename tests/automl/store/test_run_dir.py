import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from automl.errors import RunError
from automl.store import RunDir, read_json, write_json, write_whole


def test_a_file_is_there_with_all_its_content_and_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "a.bin", lambda file: file.write(b"all of it"))
    assert (tmp_path / "a.bin").read_bytes() == b"all of it"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_writer_that_fails_midway_leaves_no_file(tmp_path):
    def fail(file):
        file.write(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_whole(tmp_path / "a.bin", fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_midway_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new")
        raise error

    with pytest.raises(error):
        write_whole(path, fail)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


WRITER = """
    import sys
    from pathlib import Path
    from automl.store import write_json

    path, number = Path(sys.argv[1]), 0
    while True:
        write_json(path, {"number": number, "filling": ["x" * 100] * (number % 400)})
        number += 1
        if number == 1:
            print("started", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_process_killed_while_it_writes_always_leaves_a_readable_file(tmp_path):
    path, script = tmp_path / "state.json", tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    numbers = []
    for delay_s in (0.0, 0.013, 0.03, 0.07):
        with subprocess.Popen([sys.executable, str(script), str(path)], stdout=-1) as writer:
            writer.stdout.readline()
            time.sleep(delay_s)
            os.kill(writer.pid, signal.SIGKILL)
        state = read_json(path)
        assert len(state["filling"]) == state["number"] % 400
        numbers.append(state["number"])
    assert max(numbers) > 1


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_refused_and_the_old_file_stays(tmp_path, number):
    write_json(tmp_path / "a.json", {"score": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"score": number})
    assert read_json(tmp_path / "a.json") == {"score": 1.0}


def test_json_of_any_text_comes_back(tmp_path):
    text = 'ümläut "quoted"\n\u2028 漢字 \x00'
    write_json(tmp_path / "a.json", {text: text})
    assert read_json(tmp_path / "a.json") == {text: text}


def test_the_name_of_a_file_that_is_not_utf8_can_be_written(tmp_path):
    write_json(tmp_path / "a.json", {"path": "caf\udce9.csv"})
    assert read_json(tmp_path / "a.json") == {"path": "caf\udce9.csv"}


def test_missing_json_is_named(tmp_path):
    with pytest.raises(RunError, match=r"nothing\.json is missing"):
        read_json(tmp_path / "nothing.json")


@pytest.mark.parametrize("content", [b"", b'{"half": ', b"\xff\xfe"])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(RunError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json")


def test_a_folder_that_is_not_there_is_no_run(tmp_path):
    with pytest.raises(RunError, match="no such directory"):
        RunDir(tmp_path / "nowhere").check()


def test_a_folder_without_a_manifest_is_no_run(tmp_path):
    with pytest.raises(RunError, match=r"is not a run: it has no manifest\.json"):
        RunDir(tmp_path).check()


def test_a_folder_with_a_manifest_is_a_run(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({}))
    assert RunDir(tmp_path).check() == RunDir(tmp_path)


def test_model_and_predictions_lie_in_the_folder_of_their_fold(tmp_path):
    run = RunDir(tmp_path)
    assert run.fold("svm-3", 1) == Path(tmp_path / "trials" / "svm-3" / "fold-1")
    assert run.model("svm-3", 1).parent == run.oof("svm-3", 1).parent == run.fold("svm-3", 1)
