import re

import pytest

from automl.plugin import hookspecs

SUFFIXES = {".py", ".md", ".toml", ".yaml", ".txt", ".cfg", ".ipynb", ""}
FOLDERS = ("automl", "plugins", "conf", "tests", "docs", "examples", "benchmarks", ".ci")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def hook_names():
    return [name for name in vars(hookspecs) if name.startswith("automl_")]


def test_nothing_is_marked_as_unfinished(root):
    files = [f for folder in FOLDERS for f in (root / folder).rglob("*")]
    texts = [f for f in (*files, *root.glob("*")) if f.is_file() and f.suffix in SUFFIXES]
    found = [
        f"{file.relative_to(root)}:{number}"
        for file in texts
        if "__pycache__" not in file.parts
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_is_documented(root, hook):
    assert getattr(hookspecs, hook).__doc__
    pages = [file.read_text(encoding="utf-8") for file in (root / "docs").rglob("*.md")]
    if any("hookimpl" in page for page in pages):
        assert any(hook in page for page in pages), f"docs/ tells of plugins and not of {hook}"
