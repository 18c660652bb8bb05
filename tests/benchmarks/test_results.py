import pytest

from benchmarks.results import append_result, key_of, latest, read_results


def test_results_are_read_back_as_they_were_appended(tmp_path, result):
    path = tmp_path / "runs" / "results.jsonl"
    assert read_results(path) == []
    rows = [result("a", "automl", 0.9), result("b", "h2o", None)]
    for row in rows:
        append_result(path, row)
    assert read_results(path) == rows
    assert [key_of(r) for r in rows] == [
        ("a", 0, 60.0, 2, "automl"),
        ("b", 0, 60.0, 2, "h2o"),
    ]


def test_a_torn_last_line_does_not_count_and_gives_way(tmp_path, result):
    path = tmp_path / "results.jsonl"
    append_result(path, result("a", "automl", 0.9))
    with path.open("a") as file:
        file.write('{"table": "b", "se')
    assert [r["table"] for r in read_results(path)] == ["a"]
    append_result(path, result("c", "automl", 0.9))
    assert [r["table"] for r in read_results(path)] == ["a", "c"]


def test_another_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("{}\nnonsense\n{}\n")
    with pytest.raises(SystemExit, match=r"results\.jsonl:2 is no JSON"):
        read_results(path)


def test_of_a_run_that_was_repeated_the_last_result_counts(result):
    first, second = result("a", "automl", 0.8), result("a", "automl", 0.9)
    assert list(latest([first, second]).values()) == [second]
