"""Words of the product; `python tests/house/test_words.py` lists the phrases to replace."""

import ast
import io
import re
import sys
import tokenize
from itertools import groupby
from pathlib import Path

import pytest

from automl.plugin import hookspecs

SUFFIXES = {".py", ".md", ".toml", ".yaml", ".txt", ".cfg", ".ipynb", ""}
FOLDERS = ("automl", "plugins", "conf", "tests", "docs", "examples", "benchmarks", ".ci")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")

HERE = Path(__file__).parent
PROSE_FOLDERS = ("automl", "plugins", "conf", "docs", "examples")
RECORDS = ("CHANGELOG.md", "docs/decisions/")  # written once, not revised
CLAUSE = re.compile(r"(What|Whether|How|Which|Who)\b")
LEFT_OUT = (
    re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL),  # blocks of code
    re.compile(r"<!-- (?:honesty: begin|benchmark: written).*?: end -->", re.DOTALL),
)
CODE = re.compile(r"`[^`\n]+`|\]\([^)]*\)")


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
        assert any(hook in page for page in pages), f"docs/ describes plugins but not {hook}"


def phrases():
    lines = (HERE / "phrases.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" => ") for line in lines if not line.startswith("# ")]
    return [(re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in pairs]


def prose_files(root):
    files = [file for folder in PROSE_FOLDERS for file in (root / folder).rglob("*")]
    for file in sorted([*files, *root.glob("*.md")]):
        name = file.relative_to(root).as_posix()
        if file.suffix in {".py", ".md", ".yaml"} and not name.startswith(RECORDS):
            yield name, file.read_text(encoding="utf-8")


def python_prose(source):
    """Each comment or string of a module with its line; adjacent ones are one text."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    layout = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT}
    kept = [token for token in tokens if token.type not in layout]
    for kind, group in groupby(kept, key=lambda token: token.type):
        adjacent = list(group)
        if kind == tokenize.COMMENT:
            yield adjacent[0].start[0], " ".join(t.string.lstrip("#") for t in adjacent)
        elif kind == tokenize.STRING:
            yield (
                adjacent[0].start[0],
                "".join(t.string.strip("frb").strip("\"'") for t in adjacent),
            )


def page_prose(text):
    """Each paragraph of a page with its line."""
    for block in LEFT_OUT:
        text = block.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in re.finditer(r"(?:^.*\S.*\n?)+", text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match[0]


def breaches(name, text):
    """Phrases to replace in a file, as ``line: 'phrase' => advice``."""
    is_module = name.endswith(".py")
    found = []
    for line, part in python_prose(text) if is_module else page_prose(text):
        plain = " ".join(CODE.sub("CODE", part).split())
        for pattern, advice in PHRASES:
            found += [f"{line}: {match[0]!r} => {advice}" for match in pattern.finditer(plain)]
    if is_module and CLAUSE.match(ast.get_docstring(ast.parse(text)) or ""):
        found.append("1: the first line is a clause => begin with a verb or a noun")
    return found


PHRASES = phrases()


def test_phrases_are_found_in_docstrings_comments_messages_and_pages():
    module = (
        '"""What is read."""\n\n# the news\n# of a fit\n\n'
        'def f(x):\n    raise ValueError(f"{x} is "\n        "no number")\n'
    )
    assert [breach.split(" =>")[0] for breach in breaches("m.py", module)] == [
        "3: 'news'",
        "7: 'is no '",
        "1: the first line is a clause",
    ]
    page = "# Page\n\nThe search goes\non.\n\n```python\n# goes on\n```\n\n`goes on` it was over.\n"
    assert [breach.split(" =>")[0] for breach in breaches("p.md", page)] == [
        "3: 'goes on'",
        "10: 'was over'",
    ]


def test_prose_is_free_of_phrases_that_have_a_plainer_form(root):
    found = [
        f"{name}:{breach}" for name, text in prose_files(root) for breach in breaches(name, text)
    ]
    assert not found, "\n".join(found)


if __name__ == "__main__":
    for name, text in prose_files(HERE.parents[1]):
        sys.stdout.writelines(f"{name}:{breach}\n" for breach in breaches(name, text))
