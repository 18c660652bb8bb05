"""The command line from a file to predictions, as processes: what scripts rely on."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

VERBS = [sys.executable, "-m", "automl"]
BUDGET_S = 8


def automl(*words, path="", **options):
    """Runs a command line to its end; modules of the folder ``path`` can be imported."""
    paths = (str(path), os.environ.get("PYTHONPATH"))
    return subprocess.run(
        [*VERBS, *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        **options,
    )


def rows_of(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


MARK = "AUTOML_TEST_MARK"


def marked(mark):
    """Processes that have a mark in their environment and still run, with their command lines.

    Workers have sessions of their own, but all of them inherit the environment.
    """
    alive = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if f"{MARK}={mark}\0".encode() in environment and state not in "ZX":
                alive[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return alive


def assert_none_left(mark, within_s=30.0):
    """Every process with this mark ends soon."""
    patience = time.monotonic() + within_s
    while alive := marked(mark):
        if time.monotonic() > patience:
            for pid in alive:
                os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"still alive after {within_s} s: {alive}")
        time.sleep(0.05)


def start(words, mark):
    """Starts a command line in a session of its own, marked with all that it starts."""
    return subprocess.Popen(
        [*VERBS, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, MARK: str(mark)},
    )


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Two CSV files of one kind, one to learn from and one held out; strange names included."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data")
    for name, n in (("train", 400), ("test", 100)):
        y = rng.integers(0, 2, n)
        size = y + rng.normal(scale=0.7, size=n)
        colour = np.where(rng.random(n) < 0.75, np.where(y == 1, "red", "blue"), "green, light")
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["size=cm", 'the "colour"', "noise", "did return?"])
            for s, c, k in zip(size, colour, y, strict=True):
                writer.writerow([f"{s:.4f}", c, f"{rng.normal():.4f}", "Yes" if k else "No"])
    return folder


@pytest.fixture(scope="session")
def finished(data, tmp_path_factory):
    """A search that is over, what it said, and what it left behind."""
    run = tmp_path_factory.mktemp("runs") / "first"
    words = ["search", data / "train.csv", "--target", "did return?", "--trials", 6]
    words += ["family=[baseline,lightgbm,linear]", "search.folds=3"]
    process = start([*words, "--out", run, "--seed", 1], mark="finished")
    out, err = process.communicate(timeout=120)
    assert_none_left("finished")
    assert process.returncode == 0, err
    return run, out


@pytest.fixture
def run(finished):
    return finished[0]


def test_a_search_ends_when_its_time_is_used_up(data, tmp_path):
    run, words = tmp_path / "run", ["--time", BUDGET_S, "family=[baseline,linear]"]
    done = automl("search", data / "train.csv", "--target", "did return?", *words, "--out", run)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert events[-1]["stopped_by"] == "time"
    started = [event["trial"] for event in events if event["event"] == "TrialStarted"]
    ended = [event["trial"] for event in events if event["event"] == "TrialFinished"]
    assert started
    assert sorted(ended) == sorted(started)


def test_a_search_says_what_it_did_and_what_to_do_next(finished):
    run, out = finished
    for word in ("did return?", "roc_auc", "ensemble", str(run), f"automl predict {run}"):
        assert word in out


def test_predictions_are_written_and_read_back(run, data, tmp_path):
    done = automl("predict", run, data / "test.csv", "--out", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "p.csv")
    truth = [row["did return?"] for row in rows_of(data / "test.csv")]
    assert [list(row) for row in rows] == [["prediction"]] * 100
    assert np.mean([r["prediction"] == t for r, t in zip(rows, truth, strict=True)]) > 0.75


def test_probabilities_have_a_column_per_label(run, data, tmp_path):
    done = automl("predict", run, data / "test.csv", "--proba", "--out", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "p.csv")
    assert list(rows[0]) == ["No", "Yes"]
    assert [float(r["No"]) + float(r["Yes"]) for r in rows] == pytest.approx([1.0] * 100)


def test_the_leaderboard_as_json_has_the_keys_that_scripts_use(run):
    done = automl("leaderboard", run, "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    keys = "rank family trial state score score_se fit_s predict_s weight test_score error"
    assert all(set(keys.split()) <= set(row) for row in rows)
    assert {row["state"] for row in rows} <= {
        *("complete", "pruned", "failed", "running", "out_of_time", "interrupted")
    }
    ranks = [row["rank"] for row in rows if row["rank"] is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    assert all(row["score"] is None for row in rows if row["state"] != "complete")
    assert all(row["test_score"] is None for row in rows)
    failed = [row["error"] for row in rows if row["state"] == "failed"]
    assert failed == []


def test_a_held_out_table_fills_the_test_column(run, data):
    done = automl("leaderboard", run, "--test", data / "test.csv", "--format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    for row in rows:
        assert (row["test_score"] is not None) == (row["state"] == "complete")
    (ensemble,) = [row for row in rows if row["family"] == "ensemble"]
    assert ensemble["test_score"] > 0.8


@pytest.mark.parametrize("form", ["table", "csv", "md"])
def test_the_leaderboard_in_every_other_format(run, form):
    done = automl("leaderboard", run, "--format", form)
    assert done.returncode == 0, done.stderr
    assert "lightgbm-0" in done.stdout
    if form == "csv":
        assert done.stdout == (run / "leaderboard.csv").read_text(encoding="utf-8")


def test_the_log_holds_one_json_object_a_line(run):
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert all({"time", "event"} <= set(event) for event in events)
    assert events[0]["event"] == "SearchStarted"
    assert events[-1]["event"] == "SearchFinished"


def test_the_run_directory_is_laid_out_and_its_manifest_is_plain(run):
    names = {path.name for path in run.iterdir()}
    expected = {"config.yaml", "manifest.json", "data", "split", "trials", "ensemble"}
    assert expected | {"leaderboard.csv", "log.jsonl", "studies.journal"} <= names
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "finished"
    assert manifest["stopped_by"] == "trials"
    assert manifest["target"] == "did return?"
    assert not [p for p in run.rglob("*") if p.suffix in (".pkl", ".pickle", ".joblib")]


def test_a_missing_column_is_named(run, tmp_path):
    (tmp_path / "new.csv").write_text("noise,other\n1,2\n")
    done = automl("predict", run, tmp_path / "new.csv")
    assert done.returncode == 2
    assert "size=cm" in done.stderr
    assert 'the "colour"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_can_be_inspected(data):
    done = automl("inspect", data / "train.csv")
    assert done.returncode == 0, done.stderr
    for word in ("size=cm", "numeric", 'the "colour"', "categorical", "did return?"):
        assert word in done.stdout


def test_the_installed_families_are_listed():
    done = automl("plugins")
    assert done.returncode == 0, done.stderr
    for family in ("baseline", "forest", "knn", "lightgbm", "linear", "mlp", "svm"):
        assert family in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.csv"], "nothing.csv"),
        (["{train}", "--target", "did retrun?"], "did return?"),
        (["{train}", "--metric", "acuracy"], "did you mean 'accuracy'"),
        (["{train}", "family=[lightgmb]"], "did you mean 'lightgbm'"),
        (["{train}", "search.fods=3"], "search.folds"),
        (["{train}", "--time", "soon"], "soon"),
        (["{train}", "--trails", "3"], "--trials"),
        (["{train}", "--out", "{folder}"], "holds the data"),
    ],
)
def test_a_mistake_ends_with_status_2_and_no_traceback(data, tmp_path, words, said):
    words = [w.format(train=data / "train.csv", folder=data) for w in words]
    done = automl("search", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_usable_model_the_status_is_1_and_the_cause_is_told(data, tmp_path):
    folder = Path(__file__).parents[1] / "automl"
    words = ["--trials", "1", "--out", tmp_path / "run", "plugins.modules=[odd_families]"]
    done = automl("search", data / "train.csv", *words, "family=[raises]", path=folder)
    assert done.returncode == 1
    assert "ArithmeticError: the matrix is singular" in done.stderr
    assert "Traceback" not in done.stderr
    board = automl("leaderboard", tmp_path / "run", "--format", "json")
    (row,) = json.loads(board.stdout)
    assert (row["state"], row["rank"], row["score"]) == ("failed", None, None)
    assert "the matrix is singular" in row["error"]


def test_a_search_in_quiet_says_its_directory_and_nothing_else(data, tmp_path):
    words = ["--trials", "2", "-q", "family=[linear,baseline]", "search.folds=2"]
    done = automl("search", data / "train.csv", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = done.stdout.removesuffix("\n")
    assert done.stderr == ""
    assert run.startswith("runs/")
    assert automl("predict", run, data / "test.csv", cwd=tmp_path).returncode == 0


def wait_for(path, process, within_s=30.0):
    patience = time.monotonic() + within_s
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < patience, f"no {path} after {within_s} s"
        time.sleep(0.05)


@pytest.mark.parametrize("whom", [pytest.param("process", marks=pytest.mark.slow), "group"])
def test_ctrl_c_once_leaves_the_best_so_far(data, tmp_path, whom):
    run = tmp_path / "run"
    words = ["search", data / "train.csv", "--target", "did return?", "--time", 100, "--out", run]
    process = start(words, mark=run)
    try:
        wait_for(run / "ensemble" / "ensemble.json", process)
        (os.kill if whom == "process" else os.killpg)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in out + err
    assert_none_left(run)
    assert json.loads((run / "manifest.json").read_text())["stopped_by"] == "interrupt"
    done = automl("predict", run, data / "test.csv", "--out", tmp_path / "p.csv")
    assert done.returncode == 0, done.stderr
    assert len(rows_of(tmp_path / "p.csv")) == 100


def test_ctrl_c_before_the_first_model_is_no_failure(data, tmp_path):
    run = tmp_path / "run"
    words = ["search", data / "train.csv", "--time", 100, "--out", run, "family=[mlp]"]
    process = start(words, mark=run)
    try:
        wait_for(run / "manifest.json", process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in out + err
    assert_none_left(run)


def test_ctrl_c_twice_stops_at_once_and_leaves_no_process(data, tmp_path):
    run = tmp_path / "run"
    words = ["search", data / "train.csv", "--target", "did return?", "--time", 100, "--out", run]
    process = start(words, mark=run)
    try:
        wait_for(run / "ensemble" / "ensemble.json", process)
        while len(marked(run)) <= 2:  # the search itself, the nursery, and workers
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGTERM)  # another number: two of one may come as one
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "stopped at once" in err
    assert "Traceback" not in out + err
    assert_none_left(run)
    assert automl("predict", run, data / "test.csv").returncode == 0


@pytest.mark.slow
def test_a_killed_search_leaves_no_process_and_a_run_that_predicts(data, tmp_path):
    run = tmp_path / "run"
    words = ["search", data / "train.csv", "--target", "did return?", "--time", 100, "--out", run]
    process = start(words, mark=run)
    wait_for(run / "ensemble" / "ensemble.json", process)
    process.kill()
    process.communicate(timeout=60)
    assert_none_left(run)
    assert automl("predict", run, data / "test.csv").returncode == 0
    board = automl("leaderboard", run, "--format", "json")
    assert board.returncode == 0, board.stderr
    assert json.loads(board.stdout)
