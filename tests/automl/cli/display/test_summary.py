from __future__ import annotations

import io
from dataclasses import replace

from automl.cli.display.console import make_console
from automl.cli.display.summary import print_summary
from automl.leaderboard import Leaderboard, LeaderboardRow


def _summary(board: Leaderboard, path: str = "runs/first", stopped_by: str = "time") -> str:
    file = io.StringIO()
    print_summary(make_console(file), board, path, stopped_by, 60.2)
    return file.getvalue()


def test_it_ends_with_the_command_to_type_next(board: Leaderboard):
    last = _summary(board, "runs/it's mine").splitlines()[-1]
    assert last == """next      automl predict 'runs/it'"'"'s mine' new.csv --out predictions.csv"""


def test_it_says_how_many_trials_ended_how_and_why_the_search_stopped(board: Leaderboard):
    first = _summary(board, stopped_by="interrupt").splitlines()[1]
    assert first == "3 trials: 1 complete, 1 failed; stopped by Ctrl-C after 1:00"


def test_it_counts_what_the_end_of_the_search_cut(board: Leaderboard):
    cut = LeaderboardRow(
        None, "svm", "svm-7", "out_of_time", error="out_of_time: the time was over"
    )
    first = _summary(replace(board, rows=(*board.rows, cut))).splitlines()[1]
    assert first.startswith("4 trials: 1 complete, 1 out of time, 1 failed;")


def test_it_names_the_most_frequent_causes_of_failures(many_failures: Leaderboard):
    text = _summary(many_failures)
    assert "12 of 12 trials failed" in text
    assert "3 × crash: cause 0" in text
    assert "and 2 more causes: see the leaderboard" in text
    assert "cause 3" not in text.partition("12 of 12")[2]


def test_it_shows_the_ten_best_trials_and_none_that_is_not_complete(many_failures: Leaderboard):
    done = tuple(LeaderboardRow(i, "svm", f"svm-{i}", "complete", 0.5) for i in range(1, 13))
    board = replace(many_failures, rows=(*done, *many_failures.rows))
    assert "svm-10 " in _summary(board)
    assert "svm-11 " not in _summary(board)
    top = replace(board, rows=(*done[:2], *many_failures.rows))
    assert "svm-2 " in _summary(top)
    assert "mlp-0" not in _summary(top)


def test_a_long_path_is_not_broken(board: Leaderboard):
    path = "runs/" + "x" * 200
    assert _summary(board, path).splitlines()[-1].endswith(f"{path} new.csv --out predictions.csv")


def test_no_line_ends_with_blanks_when_it_is_no_terminal(board: Leaderboard):
    assert all(line == line.rstrip() for line in _summary(board).splitlines())


def test_it_says_why_there_is_no_more(board: Leaderboard):
    file = io.StringIO()
    notes = ("family svm got no more trials: no", "baseline predicts alone")
    print_summary(make_console(file), board, "runs/first", "time", 60.2, notes)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    at = lines.index("note      family svm got no more trials: no")
    assert lines[at + 1 : at + 3] == [f"{'':<10}baseline predicts alone", "run       runs/first"]


def test_it_says_what_the_predictor_takes_of_each_limit(board: Leaderboard):
    top = LeaderboardRow(None, "ensemble", "ensemble", "complete", predict_ms=7.25, size_mb=0.5)
    limited = replace(board, rows=(top, *board.trials), limits={"predict_ms": 5.0, "size_mb": 2.0})
    text = _summary(limited)
    assert "limit     7.25 of 5 ms to predict 1,000 rows: EXCEEDED" in text
    assert "limit     0.5 of 2 MB of models\n" in text


def test_it_says_what_to_expect_of_the_ensemble_on_new_rows(board: Leaderboard):
    assert "score" not in _summary(board)
    scores = {"score": 0.93, "score_low": 0.91, "score_high": 0.95, "selected_score": 0.96}
    top = LeaderboardRow(None, "ensemble", "ensemble", "complete", **scores)
    text = " ".join(_summary(replace(board, rows=(top, *board.trials))).split())
    assert "score roc_auc 0.9300 (95 %: 0.9100 to 0.9500) on rows not used" in text
    assert "to choose the ensemble (0.9600 on those that were: optimistic)" in text


def test_a_score_that_both_kinds_of_rows_give_is_said_once(board: Leaderboard):
    scores = {"score": 0.93, "score_low": 0.91, "score_high": 0.95, "selected_score": 0.93}
    top = LeaderboardRow(None, "ensemble", "ensemble", "complete", **scores)
    text = _summary(replace(board, rows=(top, *board.trials)))
    assert "0.9300 (95 %: 0.9100 to 0.9500)" in text
    assert "optimistic" not in text


def test_an_ensemble_below_a_trial_is_kept_for_a_reason_that_is_said(board: Leaderboard):
    top = LeaderboardRow(None, "ensemble", "ensemble", "complete", 0.4, selected_score=0.6)
    trial = LeaderboardRow(1, "svm", "svm-9", "complete", 0.5)
    kept = replace(board, rows=(top, trial), reason="they err otherwise", limits={})
    lines = [line for line in _summary(kept).splitlines() if line.startswith("kept")]
    assert len(lines) == 1
    assert "they err otherwise" in " ".join(_summary(kept).split())
    above = replace(kept, rows=(replace(top, score=0.55), trial))
    assert not [line for line in _summary(above).splitlines() if line.startswith("kept")]
