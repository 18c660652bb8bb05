"""Mutants of a small module, and what tests say of them."""

import ast
import json
from pathlib import Path

import pytest

from benchmarks.mutants.__main__ import TARGETS, sample
from benchmarks.mutants.operators import module_mutants, mutated
from benchmarks.mutants.running import run_mutants

SOURCE = '''
"""A module."""
LIMIT: int = 3

def allowed(n: int, slack: float = 0.5) -> bool:
    """Whether so many are allowed."""
    if n < 0:
        raise ValueError(f"{n} is below 0")
    return n <= LIMIT + slack and not n == 2
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("small_module.py").write_text(SOURCE, encoding="utf-8")
    return "small_module.py"


def test_every_operator_number_condition_and_statement_that_runs_is_changed(module):
    changes = {(m.operator, m.before, m.after) for m in module_mutants(module)}
    assert changes == {
        ("constant", "3", "4"),
        ("constant", "0.5", "1.0"),
        ("comparison", "n < 0", "n <= 0"),
        ("condition", "n < 0", "not n < 0"),
        ("constant", "0", "1"),
        ("statement", "raise ValueError(f'{n} is below 0')", "pass"),
        ("return", "return n <= LIMIT + slack and (not n == 2)", "return None"),
        ("boolean", "n <= LIMIT + slack and (not n == 2)", "n <= LIMIT + slack or not n == 2"),
        ("comparison", "n <= LIMIT + slack", "n < LIMIT + slack"),
        ("condition", "n <= LIMIT + slack", "not n <= LIMIT + slack"),
        ("arithmetic", "LIMIT + slack", "LIMIT - slack"),
        ("boolean", "not n == 2", "n == 2"),
        ("comparison", "n == 2", "n != 2"),
        ("constant", "2", "3"),
    }


def test_a_mutant_differs_from_the_module_in_one_place(module):
    lines = ast.unparse(ast.parse(SOURCE)).splitlines()
    for mutant in module_mutants(module):
        changed = ast.unparse(mutated(mutant)).splitlines()
        assert sum(a != b for a, b in zip(lines, changed, strict=True)) == 1


def test_a_change_that_a_test_notices_is_killed_and_another_survives(module, tmp_path):
    Path("test_small_module.py").write_text(
        "from small_module import allowed\n"
        "def test_three():\n"
        "    assert allowed(3) and not allowed(4) and not allowed(2)\n",
        encoding="utf-8",
    )
    rows = [
        {name: getattr(mutant, name) for name in mutant.__slots__}
        for mutant in module_mutants(module)
    ]
    results = tmp_path / "results.jsonl"
    run_mutants(rows, "test_small_module.py", results)
    outcomes = {}
    for line in results.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        outcomes[row["before"], row["after"]] = row["outcome"]
    assert len(outcomes) == len(rows)
    survivors = {before for (before, _), outcome in outcomes.items() if outcome == "survived"}
    assert survivors == {"0", "n < 0", "raise ValueError(f'{n} is below 0')", "n <= LIMIT + slack"}
    assert outcomes["3", "4"] == outcomes["2", "3"] == "killed"


def test_tests_that_fail_without_a_mutant_are_refused(module, tmp_path):
    Path("test_small_module.py").write_text("def test_it(): assert False\n", encoding="utf-8")
    row = {name: getattr(module_mutants(module)[0], name) for name in ("path", "node", "variant")}
    with pytest.raises(SystemExit, match="do not pass without a mutant"):
        run_mutants([row], "test_small_module.py", tmp_path / "results.jsonl")


def test_the_sample_is_the_same_each_time_and_reaches_every_target():
    drawn = sample(400)
    assert drawn == sample(400)
    assert drawn[:50] == sample(50)
    assert {row["target"] for row in drawn} == set(TARGETS)
    assert len({(row["path"], row["node"], row["variant"]) for row in drawn}) == 400
