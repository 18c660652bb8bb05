from benchmarks.hardware.__main__ import main
from benchmarks.hardware.row import Choices
from benchmarks.hardware.rows import ROWS
from benchmarks.results import append_result


def keep(path, line, name, figures, **changes):
    for unit in ROWS[name].units(Choices()):
        append_result(path, line(unit, figures, **changes))


def rows_of(text):
    return [row.strip("| ").split(" | ") for row in text.splitlines() if row.startswith("| ")]


def test_the_table_has_every_row_with_figure_bar_and_device(line, tmp_path, capsys):
    path = tmp_path / "r.jsonl"
    keep(path, line, "short", {"nets_failed": 12, "nets_in_ensemble": 1})
    assert main(["report", "--results", str(path)]) == 0
    text = capsys.readouterr().out
    failed, members = (row for row in rows_of(text) if row[0] == "short")
    assert failed[2:5] == ["12", "<= 0", "**no**"]
    assert members[2:5] == ["1", ">= 1", "yes"]
    assert failed[-1] == "H200, 16 cores"
    assert "| step | a step of 40 nets | | | not measured on a card yet |" in text
    assert "H200, 16 cores: commit abc" in text


def test_each_device_has_lines_of_its_own_and_errors_are_no_figures(line, tmp_path, capsys):
    path = tmp_path / "r.jsonl"
    figures = {"nets_failed": 0, "nets_in_ensemble": 1}
    keep(path, line, "short", figures)
    keep(path, line, "short", figures, device="no GPU, 2 cores")
    keep(path, line, "short", {"error": "killed"}, device="third")
    keep(path, line, "short", figures, device="fourth", label="earlier")
    main(["report", "short", "--results", str(path)])
    devices = {row[-1] for row in rows_of(capsys.readouterr().out)[1:]}
    assert devices == {"H200, 16 cores", "no GPU, 2 cores"}


def test_a_page_gets_the_table_between_its_marks(line, tmp_path, capsys):
    page, path = tmp_path / "page.md", tmp_path / "r.jsonl"
    page.write_text("a\n<!-- hardware: begin -->\nstale\n<!-- hardware: end -->\nb\n")
    keep(path, line, "short", {"nets_failed": 0, "nets_in_ensemble": 2})
    main(["report", "--results", str(path), "--page", str(page)])
    text = page.read_text()
    assert "nets in the ensemble | 2 | >= 1 | yes" in text
    assert "stale" not in text
    assert text.startswith("a\n")
    assert text.endswith("b\n")
    capsys.readouterr()


def test_the_page_of_the_documentation_has_the_marks(root):
    text = (root / "docs" / "hardware.md").read_text()
    assert text.index("<!-- hardware: begin -->") < text.index("<!-- hardware: end -->")
    assert all(f"| `{name}` |" in text for name in ROWS)
