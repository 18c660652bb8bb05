import contextlib
import errno
import io
import itertools
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from automl.errors import RunError, StorageError
from automl.store.files import (
    commit,
    read_json,
    remove_staging,
    staging_folder,
    write_array,
    write_atomic,
    write_json,
)
from automl.store.run_dir import RunDir


def test_a_file_is_there_with_all_its_content_and_nothing_beside_it(tmp_path):
    write_atomic(tmp_path / "a.bin", lambda file: file.write(b"all of it"))
    assert (tmp_path / "a.bin").read_bytes() == b"all of it"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_writer_that_fails_midway_leaves_no_file(tmp_path):
    def fail(file):
        file.write(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_atomic(tmp_path / "a.bin", fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_midway_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new")
        raise error

    with pytest.raises(error):
        write_atomic(path, fail)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


WRITER = """
    import sys
    from pathlib import Path
    from automl.store.files import write_json

    path, number = Path(sys.argv[1]), 0
    while True:
        write_json(path, {"number": number, "filling": ["x" * 100] * (number % 400)})
        number += 1
        print(flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_process_killed_while_it_writes_always_leaves_a_readable_file(tmp_path):
    path, script = tmp_path / "state.json", tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    numbers = []
    for n_written in (1, 4, 9, 30):
        with subprocess.Popen([sys.executable, str(script), str(path)], stdout=-1) as writer:
            for _ in range(n_written):
                writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
        state = read_json(path)
        assert len(state["filling"]) == state["number"] % 400
        numbers.append(state["number"])
    assert max(numbers) >= 29


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


def test_the_folder_of_a_file_is_made(tmp_path):
    write_json(tmp_path / "a" / "b" / "c.json", 1)
    assert read_json(tmp_path / "a" / "b" / "c.json") == 1


def test_a_full_disk_is_named_and_leaves_the_old_file_alone(tmp_path, no_space):
    path = tmp_path / "a.json"
    write_json(path, "old")
    with no_space(tmp_path), pytest.raises(StorageError, match=r"a\.json cannot be written: no sp"):
        write_json(path, "new")
    assert read_json(path) == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_appears_whole_in_place_of_an_older_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").touch()
    with staging_folder(tmp_path / "a") as draft:
        (draft / "new").mkdir()
        (draft / "new" / "file").write_text("x")
        assert [p.name for p in (tmp_path / "a").iterdir()] == ["old"]
        commit(draft, tmp_path / "a")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "file", "new"]


class Killed(BaseException):
    """In place of SIGKILL."""


@pytest.mark.parametrize("n_renames", [0, 1, 2])
def test_a_folder_that_is_replaced_is_never_lost(tmp_path, monkeypatch, n_renames):
    path, renames = tmp_path / "a", itertools.count()
    path.mkdir()
    (path / "old").touch()
    rename = Path.rename

    def killed_before(self, target):
        if next(renames) == n_renames:
            raise Killed
        return rename(self, target)

    with monkeypatch.context() as patch, contextlib.suppress(Killed), staging_folder(path) as draft:
        (draft / "new").touch()
        patch.setattr(Path, "rename", killed_before)
        commit(draft, path)
    remove_staging(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert [p.name for p in path.iterdir()] == ["old" if n_renames < 2 else "new"]


def test_what_was_replaced_goes_where_a_process_was_killed_before_it_removed_it(tmp_path):
    (tmp_path / ".fold.0.123.before").mkdir()
    (tmp_path / "fold.0").mkdir()
    remove_staging(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["fold.0"]


def test_a_folder_on_a_full_disk_does_not_appear(tmp_path, no_space):
    def write(path):
        with staging_folder(path) as draft, no_space(draft):
            (draft / "file").write_text("x")
            commit(draft, path)

    with pytest.raises(StorageError, match="a cannot be written: no space"):
        write(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_those_who_were_killed_go_and_nothing_else_does(tmp_path):
    run = RunDir(tmp_path)
    write_json(run.trial("svm-0") / "trial.json", 1)
    (run.trial("svm-0") / ".fold-0.123.draft" / "model").mkdir(parents=True)
    (run.encodings / "abc" / ".fold-1.123.draft").mkdir(parents=True)
    (run.path / ".manifest.json.123.draft").touch()
    (run.path / ".hidden").touch()
    remove_staging(run.path)
    left = {p.name for p in run.path.rglob("*") if p.is_file() or not any(p.iterdir())}
    assert left == {"trial.json", "abc", ".hidden"}


def test_a_writer_who_is_alone_clears_away_the_drafts_of_those_before(tmp_path):
    for alone, n_left in ((False, 1), (True, 0)):
        (tmp_path / ".a.123.draft").mkdir(exist_ok=True)
        with staging_folder(tmp_path / "a", alone=alone) as draft:
            assert len(list(tmp_path.glob(".a.*"))) == n_left + 1
            assert draft.is_dir()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 0), (400, 300)])
def test_an_array_comes_back(tmp_path, shape, order):
    array = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
    write_atomic(tmp_path / "a.npy", lambda file: write_array(file, array))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), array)


def test_an_array_that_is_not_written_says_why(tmp_path):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_array(Full(), np.zeros(1000))
