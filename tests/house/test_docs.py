"""Runs the code blocks of README.md and docs/.

Blocks of ``python`` and ``console`` run, those of one page in order and in one temporary folder
that has ``examples`` in it. A python block is a script of its own; one whose first line is a
comment with the name of a file, ``# mine.py``, is written to that file first. In a console block
the lines that start with ``$ `` are commands and the rest is what they print; without such a line
every line is a command. ``<!-- test: skip -->`` on the line before a block leaves it out. On a page
with the line ``<!-- test: one script -->`` the python blocks are one script.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SKIP = "<!-- test: skip -->"
ONE_SCRIPT = "<!-- test: one script -->"
BLOCK = re.compile(
    r"^(?P<before>[^\n]*)\n```(?P<language>python|console)\n(?P<code>.*?)^```$", re.M | re.S
)
FILE = re.compile(r"# (\w+\.py)\n")
MODULE = re.compile(r"`((?:automl|benchmarks|plugins|tests)/[\w/]+\.py)`")
TIMEOUT_S = 600


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int

    @property
    def file(self):
        named = FILE.match(self.code) if self.language == "python" else None
        return named and named[1]

    @property
    def command(self):
        if self.language == "python":
            return [sys.executable, "-c", self.code]
        lines = self.code.splitlines()
        prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return ["bash", "-euo", "pipefail", "-c", "\n".join(prompted or lines)]


def blocks(text):
    found = [
        Block(m["language"], m["code"], text.count("\n", 0, m.start("code")))
        for m in BLOCK.finditer("\n" + text)
        if m["before"].strip() != SKIP
    ]
    if ONE_SCRIPT in text.splitlines():
        return [Block("python", "\n".join(block.code for block in found), found[0].line)]
    return found


def test_blocks_are_found_and_commands_taken_from_them():
    text = (
        "```console\n$ echo a\na\n$ echo b\n```\ntext\n\n```python\nprint(1)\n```\n"
        f"{SKIP}\n```console\nfalse\n```\n```text\nno code\n```\n"
        "\n```console\necho a\necho b\n```\n\n```python\n# mine.py\nx = 1\n```\n"
    )
    found = blocks(text)
    assert [b.language for b in found] == ["console", "python", "console", "python"]
    assert found[0].command[-1] == "echo a\necho b"
    assert found[1].command[-1] == "print(1)\n"
    assert found[2].command[-1] == "echo a\necho b"
    assert [b.file for b in found] == [None, None, None, "mine.py"]


def test_python_blocks_of_a_page_can_be_one_script():
    text = f"{ONE_SCRIPT}\n\n```python\nx = 1\n```\ntext\n\n```python\nprint(x)\n```\n"
    (script,) = blocks(text)
    assert (script.code, script.line) == ("x = 1\n\nprint(x)\n", 3)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_that_a_page_names_exist(page):
    named = set(MODULE.findall(page.read_text(encoding="utf-8")))
    assert {path for path in named if not (ROOT / path).is_file()} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p.exists() and blocks(p.read_text(encoding="utf-8"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_code_of_a_page_runs(page, tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.file:
            (tmp_path / block.file).write_text(block.code, encoding="utf-8")
        done = subprocess.run(
            block.command,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        where = f"{page.relative_to(ROOT)}:{block.line}"
        assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"
