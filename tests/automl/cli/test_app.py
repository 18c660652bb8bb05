from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import automl
from automl.cli import main
from automl.cli.app import VERBS
from automl.cli.verbs import plugins

HEAVY = ("hydra", "lightgbm", "numpy", "optuna", "pandas", "pyarrow", "rich", "sklearn", "torch")


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in VERBS)


@pytest.mark.parametrize("line", ["help", "-v help", "help -q", "-h"])
def test_help_alone_is_the_help_of_all(line: str, capsys: pytest.CaptureFixture[str]):
    assert main(line.split()) == 0
    assert "usage: automl VERB" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["-v help plugins", "help -v plugins", "plugins -v --help"])
def test_help_of_a_verb_may_be_asked_for_with_a_level(
    line: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as exit_info:
        main(line.split())
    assert exit_info.value.code == 0
    assert capsys.readouterr().out.startswith("usage: automl plugins")


def test_without_a_verb_the_help_goes_to_stderr(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: automl VERB" in err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"automl {automl.__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("form", [("{}", "--help"), ("help", "{}")])
def test_each_verb_has_help_with_examples(
    verb: str, form: tuple[str, str], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as exit_info:
        main([word.format(verb) for word in form])
    assert exit_info.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: automl {verb}")
    assert f"examples:\n  automl {verb}" in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["serch"], "unknown verb 'serch'; did you mean 'search'?"),
        (["help", "perdict"], "unknown verb 'perdict'; did you mean 'predict'?"),
        (["--verson"], "unknown option --verson before the verb; did you mean '--version'"),
        (["plugins", "--fromat", "json"], "unknown option --fromat; did you mean --format?"),
        (["plugins", "x"], "unexpected argument 'x'"),
    ],
)
def test_a_mistake_is_one_message_and_status_2(
    line: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    assert main(line) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"automl: error: {message}")
    assert "Traceback" not in err


def test_verbose_shows_the_traceback_of_a_mistake(capsys: pytest.CaptureFixture[str]):
    assert main(["-v", "leaderboard", "no/such/run"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("automl: error: there is no run at no/such/run: no such directory\n")


def test_an_unexpected_exception_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def fail(*parsed):
        raise ZeroDivisionError("by \x1b[31mzero")

    monkeypatch.setattr(plugins, "run", fail)
    assert main(["plugins"]) == 1
    message = "unexpected error: ZeroDivisionError: by zero (run again with -v for the traceback)"
    assert capsys.readouterr().err == f"automl: {message}\n"
    assert main(["plugins", "-v"]) == 1
    assert "in fail\n" in capsys.readouterr().err


def test_ctrl_c_is_status_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def interrupt(*parsed):
        raise KeyboardInterrupt

    monkeypatch.setattr(plugins, "run", interrupt)
    assert main(["plugins"]) == 130
    assert capsys.readouterr().err == "automl: stopped\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from automl.cli import main; main(['--help']);"
        "\ntry: main(['search', '--help'])\nexcept SystemExit: pass\n"
        f"print('heavy:', [m for m in {HEAVY} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.endswith("heavy: []\n")


def test_a_reader_that_stops_reading_is_no_error():
    program = f"{sys.executable} -m automl plugins --format json"
    shown = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program} | true"], capture_output=True, text=True
    )
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_warning_is_shown_without_its_line_of_code(monkeypatch, capsys):

    def run(*parsed):
        warnings.simplefilter("always")
        warnings.warn("two images count as missing", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(plugins, "run", run)
    assert main(["plugins"]) == 0
    assert capsys.readouterr().err == "automl: warning: two images count as missing\n"


@pytest.mark.parametrize(
    ("verb", "ours"),
    [("fit", "search DATA"), ("train", "search DATA"), ("score", "leaderboard RUN --test FILE")],
)
def test_verbs_of_other_tools_lead_to_ours(verb, ours, capsys):
    assert main([verb, "x.csv"]) == 2
    assert f"unknown verb {verb!r}; did you mean `automl {ours}`?" in capsys.readouterr().err
