from pathlib import Path

import pytest

from benchmarks.report import MARKS, score_table, standing_table, write_readme, write_report
from benchmarks.standings import comparisons

PLOTS = ("standing", "scores", "costs")


@pytest.fixture
def rows(result):
    scores = {"automl": (0.91, 2.0), "h2o": (0.90, 2.5), "x": (None, 1.0), "floor": (0.8, 3.0)}
    return [
        row
        for system, (first, second) in scores.items()
        for row in (
            result("a", system, first, overshoot_s=9.5 if system == "h2o" else 1.0),
            result("b", system, second, metric="rmse", seed=0),
        )
    ]


def test_a_row_tells_how_well_a_system_predicts_and_what_it_takes(rows):
    (one,) = comparisons(rows)
    lines = standing_table(one).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")
    assert lines[2] == ("| **automl** | 1.50 |  | 0.75 | 0 | +1.0 s | 3.0 s | 0.5 GiB | 0.250 s |")
    assert "| h2o | 2.50 | 2 0 0 | 0.58 | 0 | +9.5 s |" in lines[3]


def test_the_best_score_of_a_table_is_bold_whatever_the_direction(rows):
    (one,) = comparisons(rows)
    lines = score_table(one).splitlines()
    assert lines[0] == "| table | judged by | automl | h2o | x | floor |"
    assert lines[2] == "| a | roc_auc ↑ | **0.9100** | 0.9000 | failed | 0.8000 |"
    assert lines[3] == "| b | rmse ↓ | 2 | 2.5 | **1** | 3 |"


def test_the_report_names_failures_and_runs_that_were_late_and_shows_plots(rows, tmp_path, result):
    rows.append(result("c", "automl", 0.9))
    page = write_report(comparisons(rows), tmp_path / "report")
    text = page.read_text()
    assert "## 60 seconds on 2 cores, 2 tables" in text
    assert "- x failed on a 0: ValueError: no model" in text
    assert "- h2o: 1 of 2 runs over by more than 8 s" in text
    assert "- not counted, as a run is missing: c 0 (h2o, x, floor)" in text
    for name in PLOTS:
        assert f"(benchmark-60s-{name}.svg)" in text
        assert "</svg>" in (page.parent / f"benchmark-60s-{name}.svg").read_text()


def test_a_report_of_a_series_that_has_begun_has_no_plots(result, tmp_path):
    rows = [result("a", "automl", 0.9), result("b", "h2o", 0.9)]
    page = write_report(comparisons(rows), tmp_path)
    assert "0 tables" in page.read_text()
    assert not list(tmp_path.glob("*.svg"))


def test_plots_of_the_same_figures_are_the_same_files(rows, tmp_path):
    found = comparisons(rows)
    for folder in ("one", "two"):
        write_report(found, tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_the_block_of_a_page_is_renewed_and_nothing_else(rows, tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n\n{MARKS[0]}\nold\n{MARKS[1]}\n\nafter\n")
    for _ in range(2):
        write_readme(comparisons(rows), page, tmp_path / "docs" / "images")
    text = page.read_text()
    assert text.startswith(f"before\n\n{MARKS[0]}\n\n### 60 seconds")
    assert text.endswith(f"{MARKS[1]}\n\nafter\n")
    assert "old" not in text
    assert "](docs/images/benchmark-60s-standing.svg)" in text


def test_our_own_page_has_the_block():
    text = (Path(__file__).parents[2] / "README.md").read_text()
    assert text.index(MARKS[0]) < text.index(MARKS[1])


def test_without_a_floor_there_is_no_plot_of_scores(result, tmp_path):
    rows = [result("a", "automl", 0.9), result("a", "h2o", 0.8)]
    page = write_report(comparisons(rows), tmp_path)
    assert {path.name for path in tmp_path.glob("*.svg")} == {
        "benchmark-60s-standing.svg",
        "benchmark-60s-costs.svg",
    }
    assert "scores.svg" not in page.read_text()


def test_a_page_without_the_block_is_refused(rows, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("text\n")
    with pytest.raises(SystemExit, match="no block"):
        write_readme(comparisons(rows), page, tmp_path)
    assert page.read_text() == "text\n"
