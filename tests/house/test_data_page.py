"""The table of spellings in docs/data.md is true."""

import re
from pathlib import Path

import pandas as pd
import pytest

from automl.data import load_dataset

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
LINE = re.compile(r"\| (`.*`) \| (\w[^|]*) \| (\w[^|]*) \|$", re.MULTILINE)
KINDS = {"number": "numeric", "date": "datetime", "category": "categorical"}


def lines():
    found = LINE.findall(PAGE.read_text("utf-8"))
    assert len(found) >= 40
    return [(re.findall(r"`([^`]*)`", cells), now) for cells, _, now in found]


@pytest.mark.parametrize(("cells", "now"), lines(), ids=lambda value: str(value)[:40])
def test_cells_are_read_as_the_page_says(cells, now):
    frame = pd.DataFrame({"x": cells * 20})
    frame["y"] = [i % 2 for i in range(len(frame))]
    table = load_dataset(frame, target="y").table
    word, _, value = now.partition(" ")
    assert table.columns[0].kind == KINDS[word]
    first = table.data.column(0)[0].as_py()
    if word == "number":
        assert first == float(value)
    elif word == "date":
        assert first.date().isoformat() == value
