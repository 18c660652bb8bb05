"""Files that a person names: never an input, through links, into pipes, in the named format."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from automl.cli.output import output_path, write_output
from automl.errors import StorageError, UserError

NAMES, COLUMNS = ["id", "prediction"], [[1, 2], ["=1+1", "no\x1b[31m"]]
TEXT = "id,prediction\n1,'=1+1\n2,'\\no\\x1b[31m\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("a\n1\n")
    return tmp_path


def write(name: str, source: str = "no file", raw: bool = False) -> None:
    write_output(output_path(name, source), source, NAMES, COLUMNS, raw=raw)


def named_otherwise(kind: str) -> str:
    """The input by another name."""
    if kind == "symbolic link":
        Path("link.csv").symlink_to("data.csv")
        return "link.csv"
    if kind == "link to a link":
        Path("first.csv").symlink_to("data.csv")
        Path("link.csv").symlink_to("first.csv")
        return "link.csv"
    if kind == "hard link":
        os.link("data.csv", "link.csv")
        return "link.csv"
    if kind == "another way":
        Path("folder").mkdir()
        return "folder/../data.csv"
    return str(Path("data.csv").absolute()) if kind == "absolute" else "data.csv"


@pytest.mark.parametrize(
    "kind", ["same", "absolute", "another way", "symbolic link", "link to a link", "hard link"]
)
@pytest.mark.parametrize("given", ["data.csv", "sqlite:///data.csv"])
def test_an_input_is_never_written_over_by_whatever_name(kind: str, given: str):
    name = named_otherwise(kind)
    with pytest.raises(UserError, match=r"is the same file as data\.csv, which is an input"):
        write(name, given)
    assert Path("data.csv").read_text() == "a\n1\n"


def test_a_link_that_is_turned_to_the_input_while_predicting_does_not_help():
    out = output_path("out.csv", "data.csv")
    Path("out.csv").symlink_to("data.csv")
    with pytest.raises(UserError, match="is the same file"):
        write_output(out, "data.csv", NAMES, COLUMNS, raw=False)
    assert Path("data.csv").read_text() == "a\n1\n"


def test_files_of_a_folder_that_is_read_are_kept_and_new_ones_may_join_them():
    Path("photos").mkdir()
    Path("photos/a").write_text("an image")
    with pytest.raises(UserError, match="is a file of the data in photos"):
        write("photos/a", "photos")
    write("photos/predictions.csv", "photos")


def test_files_of_a_run_are_kept_and_new_ones_may_join_them():
    Path("run/trials").mkdir(parents=True)
    for name in ("manifest.json", "config.yaml"):
        Path("run", name).write_text("{}")
    for name in ("manifest.json", "config.yaml", "leaderboard.csv", "trials/x.csv"):
        with pytest.raises(UserError, match="belongs to the run"):
            write(f"run/{name}", "data.csv")
    assert Path("run/manifest.json").read_text() == "{}"
    for _ in range(2):
        write("run/predictions.csv", "data.csv")


def test_a_link_stays_and_what_it_leads_to_is_written():
    Path("results").mkdir()
    for name in ("there.csv", "new.csv"):
        Path("results/there.csv").write_text("old")
        Path(f"to-{name}").symlink_to(f"results/{name}")
        write(f"to-{name}", "data.csv")
        assert Path(f"to-{name}").is_symlink()
        assert Path("results", name).read_text() == TEXT
    assert {path.name for path in Path("results").iterdir()} == {"there.csv", "new.csv"}


def test_other_names_of_a_file_and_who_may_read_it_stay():
    Path("old.csv").write_text("old")
    Path("old.csv").chmod(0o600)
    write("old.csv", "data.csv")
    assert Path("old.csv").stat().st_mode & 0o777 == 0o600
    os.link("old.csv", "other.csv")
    Path("old.csv").write_text("old")
    write("old.csv", "data.csv")
    assert Path("other.csv").read_text() == TEXT


@pytest.mark.parametrize("name", ["pipe", "pipe.parquet"])
def test_a_named_pipe_gets_the_format_of_its_name_and_stays(name: str):
    os.mkfifo(name)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(Path(name).read_bytes()), daemon=True)
    reader.start()
    write(name, "data.csv")
    reader.join(20)
    if name.endswith(".parquet"):
        table = pq.read_table(pa.BufferReader(got[0]))
        assert table.to_pydict() == dict(zip(NAMES, COLUMNS, strict=True))
    else:
        assert got == [TEXT.encode()]
    assert Path(name).is_fifo()


@pytest.mark.parametrize("kind", ["pipe", "appended file"])
def test_an_open_file_of_the_process_is_written_where_it_stands(folder: Path, kind: str):
    # a link of our own: should this fail, /dev/stdout must not be what is replaced
    Path("stdout").symlink_to("/proc/self/fd/1")
    code = (
        "from automl.cli.output import *; print('before')\n"
        f"write_output(output_path('stdout', '-'), '-', {NAMES}, {COLUMNS}, raw=False)"
    )
    command = [sys.executable, "-c", code]
    if kind == "pipe":
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    else:
        Path("log").write_text("first\n")
        with Path("log").open("a") as log:
            subprocess.run(command, check=True, stdout=log)
        said = Path("log").read_text().removeprefix("first\n")
    assert said == "before\n" + TEXT
    assert Path("stdout").is_symlink()


def test_a_full_device_is_a_full_disk():
    Path("full").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="no space is left"):
        write("full", "data.csv")


def test_the_name_tells_the_format():
    for name in ("a.csv", "a.txt", "a", "a.2024", "A.CSV"):
        write(name)
        assert Path(name).read_text() == TEXT
    write("a.tsv")
    assert Path("a.tsv").read_text() == TEXT.replace(",", "\t")
    write("a.psv")
    assert Path("a.psv").read_text() == TEXT.replace(",", "|")
    write("a.csv.gz")
    assert gzip.decompress(Path("a.csv.gz").read_bytes()).decode() == TEXT
    for name in ("a.parquet", "a.pq"):
        write(name)
        assert pq.read_table(name).to_pydict() == dict(zip(NAMES, COLUMNS, strict=True))
    write("a.feather")
    assert feather.read_table("a.feather").to_pydict() == dict(zip(NAMES, COLUMNS, strict=True))
    write("raw.csv", raw=True)
    assert Path("raw.csv").read_text() == "id,prediction\n1,=1+1\n2,no\x1b[31m\n"


@pytest.mark.parametrize("ending", [".xlsx", ".XLS", ".json", ".zip", ".png", ".parquet.gz"])
def test_a_format_that_is_not_written_is_refused_with_a_name_that_is(ending: str):
    with pytest.raises(UserError, match=r"files are not supported: .*, such as a\.csv") as error:
        write(f"a{ending}")
    assert ending in str(error.value)
    assert not Path(f"a{ending}").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "--out is empty"),
        ("/", "--out / is the root of the file system"),
        ("..", r"--out \.\. is a directory"),
        ("no/such/x.csv", "there is no directory"),
    ],
)
def test_a_place_that_is_none_is_named(name: str, message: str):
    with pytest.raises(UserError, match=message):
        output_path(name, "data.csv")
