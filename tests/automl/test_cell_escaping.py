"""Cells that are written and read back: what is guarded, and what stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.cell_escaping import guarded, guarded_json, unguarded

ODD = st.one_of(
    st.sampled_from("=+-@'\\\t\n\r\x1b\x00\x7f\x9b\u202e\u2028\"x1bu0;, 5e.#＝＋"),
    st.characters(exclude_categories=["Cs"]),
)


@pytest.mark.parametrize(
    "text",
    [
        *("-1", "+1", "1e-5", "-1.5E+3", "-.5", "+2.", "-", "+", "", "a=b", "a-b", "1-2", "x@y"),
        *("'", "it's", "'-1", "'90s", "\\", "\\x1b", "C:\\data", "é", "a\nb", "a\tb", "\u200d"),
    ],
)
def test_a_harmless_cell_stays_as_it_is(text: str):
    assert guarded(text) == text
    assert unguarded(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\nx", "'\nx"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("+A1", "'+A1"),
        ("-inf", "'-inf"),
        ("--", "'--"),
        ("+-", "'+-"),
        ("-１", "'-１"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("'\\", "''\\"),
        ("a\x1b[31m", "'\\a\\x1b[31m"),
        ("\r=1", "'\\\\x0d=1"),
        ("\\\x9b", "'\\\\\\\\x9b"),
        ("\u202eb", "'\\\\u202eb"),
        ("\U000e0001", "'\\\\U000e0001"),
    ],
)
def test_a_cell_that_would_be_run_is_written_so_that_it_is_not(text: str, cell: str):
    assert guarded(text) == cell
    assert unguarded(cell) == text


@given(st.text(ODD))
def test_every_text_comes_back_and_nothing_of_it_is_run(text: str):
    cell = guarded(text)
    assert unguarded(cell) == text
    assert guarded(cell) != text or cell == text
    assert cell[:1] not in tuple("=@\t\r\n＝＠")
    assert not any(c in cell for c in "\x1b\r\x00\x7f\x9b\u202e\u2028")


@given(st.text(ODD))
def test_cells_that_were_written_by_others_are_read_as_they_are_unless_we_would_write_them(text):
    before = unguarded(text)
    assert before == text or guarded(before) == text


@given(st.dictionaries(st.text(ODD), st.text(ODD)))
def test_json_has_escapes_for_what_a_terminal_runs_and_means_the_same(value):
    text = guarded_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not any(c in text for c in "\x1b\r\x00\x7f\x9b\u202e\u2028")
