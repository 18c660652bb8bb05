from benchmarks.report import (
    append_result,
    key_of,
    overshoot_s,
    read_results,
    to_markdown,
    totals,
)

RESULT = {
    "name": "a",
    "seed": 0,
    "time_s": 60.0,
    "metric": "rmse",
    "score": 1.23456789,
    "floor": 2.0,
    "win": True,
    "wall_s": 61.0,
    "overshoot_s": 1.0,
    "peak_gib": 0.5,
    "trials": {"complete": 3, "failed": 1},
    "predict_s": 2.0,
    "error": "",
}
FAILED = {**RESULT, "name": "b", "score": None, "win": False, "predict_s": None, "trials": {}}


def test_results_are_read_back_as_they_were_appended(tmp_path):
    path = tmp_path / "runs" / "results.jsonl"
    assert read_results(path) == []
    append_result(path, RESULT)
    append_result(path, FAILED)
    assert read_results(path) == [RESULT, FAILED]
    assert [key_of(r) for r in read_results(path)] == [("a", 0, 60.0), ("b", 0, 60.0)]


def test_the_table_has_a_row_for_each_result_and_the_totals():
    lines = to_markdown([RESULT, FAILED]).splitlines()
    assert lines[2] == "| a | rmse | 1.2346 | 2 | yes | 61.0 | 1.0 | 0.50 | 3 | 0 | 1 | 2.0 |"
    assert lines[3] == "| b | rmse | none | 2 | no | 61.0 | 1.0 | 0.50 | 0 | 0 | 0 | none |"
    assert lines[-1] == (
        "1 of 2 ended with a predictor, 1 of 2 beat the floor; "
        "worst overshoot 1.0 s, highest memory 0.50 GiB"
    )
    assert totals([]) == "no results"


def test_overshoot_is_what_lies_above_the_budget():
    assert overshoot_s(61.5, 60.0) == 1.5
    assert overshoot_s(59.0, 60.0) == -1.0
