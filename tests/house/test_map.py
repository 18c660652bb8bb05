"""``docs/map.md`` has every module, with its first line of today."""

import difflib
import runpy

import pytest

COMMAND = "python docs/make_map.py"


@pytest.fixture
def make_map(root):
    return runpy.run_path(str(root / "docs" / "make_map.py"))["make_map"]


def test_the_map_is_that_of_the_tree(root, make_map):
    known, found = (root / "docs" / "map.md").read_text(encoding="utf-8"), make_map(root)
    changes = difflib.unified_diff(known.splitlines(), found.splitlines(), "map.md", "now", n=0)
    assert known == found, "\n".join((f"docs/map.md is stale; renew it: {COMMAND}", *changes))


def test_a_map_has_packages_with_their_modules(tmp_path, make_map):
    inner = tmp_path / "automl" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "automl" / "__init__.py").write_text('"""The core."""\n')
    (inner / "__init__.py").write_text("")
    (inner / "b.py").write_text('"""Second.\n\nMore of it.\n"""\n')
    (inner / "a.py").write_text('"""First."""\n')
    assert make_map(tmp_path).partition("## ")[2].splitlines() == [
        "[automl](../automl)",
        "",
        "The core.",
        "",
        "## [automl/inner](../automl/inner)",
        "",
        "- [`a`](../automl/inner/a.py): First.",
        "- [`b`](../automl/inner/b.py): Second.",
    ]
