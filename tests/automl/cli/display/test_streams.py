import io
import os
import subprocess
import sys

import pytest

from automl.cli.display.streams import data_stream, forgive


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_signs_that_an_encoding_lacks_are_written_in_others(encoding):
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding=encoding, errors="strict")
    forgive(stream)
    stream.write("0.9 ± 0.1 ─ a… Ω \ud800")
    stream.flush()
    shown = data.getvalue().decode(encoding)
    assert shown.replace("±", "+/-").replace("…", "...") == "0.9 +/- 0.1 - a... \\u03a9 \\ud800"


def test_data_are_utf_8_as_in_a_file():
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding="ascii", errors="strict")
    data_stream(stream).write("größe,Ω\n")
    stream.flush()
    assert data.getvalue() == "größe,Ω\n".encode()


def test_a_stream_of_a_notebook_stays_as_it_is():
    stream = io.StringIO()
    forgive(stream)
    data_stream(stream).write("±")
    assert stream.getvalue() == "±"


@pytest.mark.parametrize("verb", ["inspect", "search"])
def test_a_terminal_without_umlauts_is_shown_everything(tmp_path, verb):
    values = [i * 37 % 101 for i in range(80)]
    rows = "".join(f"{v / 7:.3f},{'jä' if v > 50 else 'nein'}\n" for v in values)
    (tmp_path / "d.csv").write_text(f"größe,y\n{rows}", encoding="utf-8")
    more = ["--trials", "1", "--out", "run", "family=[baseline]"] if verb == "search" else []
    done = subprocess.run(
        [sys.executable, "-m", "automl", verb, "d.csv", "--target", "y", *more],
        capture_output=True, cwd=tmp_path, timeout=100, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"gr\\xf6\\xdfe" in done.stdout
