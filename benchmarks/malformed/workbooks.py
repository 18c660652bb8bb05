"""Excel files as other programs write them, down to what no library would write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape, quoteattr

__all__ = ["Failed", "Formula", "column_letters", "workbook"]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_EPOCH = datetime(1899, 12, 30)
_FORMATS = {date: (1, 14), datetime: (2, 22), time: (3, 21), timedelta: (4, 46)}
"""Style and number format of each type; Excel keeps them all as numbers of days."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula, and the value that the program kept with it; None where it kept none."""

    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """What a formula came to that failed, such as ``#REF!``."""

    text: str


def workbook(
    sheets: Mapping[str, Iterable[Sequence[Any]]],
    *,
    merged: Sequence[str] = (),
    hidden: Sequence[str] = (),
    extra: Mapping[str, bytes] | None = None,
) -> bytes:
    """Writes sheets of cells: texts, numbers, dates, booleans, formulas, errors, or None.

    Args:
        sheets: Rows by the name of the sheet.
        merged: Ranges of the first sheet that are one cell, such as ``A1:C1``.
        hidden: Names of sheets that are hidden.
        extra: Further parts, or others in place of those that would be written.
    """
    names = list(sheets)
    parts = {
        "[Content_Types].xml": _types(len(names)),
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": _book(names, hidden),
        "xl/_rels/workbook.xml.rels": _relations(
            {f"rId{i}": ("worksheet", f"worksheets/sheet{i}.xml") for i in _ids(names)}
            | {"rId900": ("styles", "styles.xml")}
        ),
        "xl/styles.xml": _styles(),
    }
    for i, rows in zip(_ids(names), sheets.values(), strict=True):
        parts[f"xl/worksheets/sheet{i}.xml"] = _sheet(rows, merged if i == 1 else ())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in (parts | dict(extra or {})).items():
            file.writestr(name, text)
    return out.getvalue()


def column_letters(number: int) -> str:
    """Letters of a column by its number from 1: A, ..., Z, AA, ..."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _ids(names: Sequence[str]) -> range:
    return range(1, len(names) + 1)


def _types(n_sheets: int) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kind}.worksheet+xml"/>'
        for i in range(1, n_sheets + 1)
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
        f'Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/styles.xml" '
        f'ContentType="{kind}.styles+xml"/>{sheets}</Types>'
    )


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{each}</Relationships>'


def _book(names: Sequence[str], hidden: Sequence[str]) -> str:
    sheets = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{i}" '
        f'{"state=" + quoteattr("hidden") + " " if name in hidden else ""}r:id="rId{i}"/>'
        for i, name in zip(_ids(names), names, strict=True)
    )
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'
    )


def _styles() -> str:
    formats = [0, *(number for _, number in sorted(_FORMATS.values()))]
    xfs = "".join(f'<xf numFmtId="{n}" fontId="0" fillId="0" borderId="0"/>' for n in formats)
    return (
        f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1">'
        '<fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/>'
        f'</cellStyleXfs><cellXfs count="{len(formats)}">{xfs}</cellXfs></styleSheet>'
    )


def _sheet(rows: Iterable[Sequence[Any]], merged: Sequence[str]) -> str:
    lines = []
    for i, row in enumerate(rows, 1):
        cells = "".join(_cell(f"{column_letters(j)}{i}", v) for j, v in enumerate(row, 1))
        lines.append(f'<row r="{i}">{cells}</row>')
    ranges = "".join(f'<mergeCell ref="{one}"/>' for one in merged)
    more = f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    data = "".join(lines)
    return f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{data}</sheetData>{more}</worksheet>'


def _cell(at: str, value: Any) -> str:
    if value is None:
        return f'<c r="{at}" s="0"/>'
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{at}"><v>{value!r}</v></c>'
    if isinstance(value, Formula):
        kept = "<v></v>" if value.value is None else f"<v>{value.value!r}</v>"
        return f'<c r="{at}"><f>{escape(value.text)}</f>{kept}</c>'
    if isinstance(value, Failed):
        return f'<c r="{at}" t="e"><v>{escape(value.text)}</v></c>'
    if type(value) in _FORMATS:
        return f'<c r="{at}" s="{_FORMATS[type(value)][0]}"><v>{_days(value)!r}</v></c>'
    text = escape(str(value))
    return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _days(value: date | time | timedelta) -> float:
    """Excel's number for a date (days since 1899-12-30), a time of day or a duration."""
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
    if isinstance(value, timedelta):
        return value / timedelta(days=1)
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return (moment - _EPOCH) / timedelta(days=1)
