"""Files that are no text: compressed, binary, of another format than their name says, or none."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import random
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.malformed.draw import Draw, kind

__all__: list[str] = []


@kind("refused", "decompress")
def bomb(draw: Draw) -> Path:
    """A compressed file of a thousand times its size."""
    content = draw.text().encode() + draw.rng.choice([b"x", b"1,", b"\n"]) * 150_000_000
    return draw.save(gzip.compress(content, 1), "data.csv.gz")


@kind("refused", "damaged compressed file")
def damaged_compression(draw: Draw) -> Path:
    """A compressed file that is cut off, or whose bytes were changed."""
    draw.rows *= 20
    content = bytearray(gzip.compress(draw.text().encode()))
    if draw.rng.random() < 0.5:
        del content[draw.rng.randint(20, len(content) - 20) :]
    else:
        for _ in range(5):
            content[draw.rng.randrange(12, len(content))] ^= 0xFF
    return draw.save(bytes(content), "data.csv.gz")


@kind("refused", "though its name ends in")
def not_compressed(draw: Draw) -> Path:
    """Plain text with the name of a compressed file."""
    return draw.table("data.csv" + draw.rng.choice([".gz", ".zst", ".bz2"]))


@kind("run")
def compressed_in_parts(draw: Draw) -> Path:
    """Compressed files one after another, which are one."""
    whole = draw.text().encode()
    at = len(whole) // 2
    pack, name = draw.rng.choice([(gzip.compress, ".gz"), (bz2.compress, ".bz2")])
    return draw.save(pack(whole[:at]) + pack(whole[at:]), "data.csv" + name)


@kind("refused", "zip")
def archive(draw: Draw) -> Path:
    """A zip archive of a table, under some name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.csv", draw.text())
    return draw.save(out.getvalue(), draw.rng.choice(["data.csv", "data.zip", "data.csv.zip"]))


@kind("refused", "directory|folder")
def folder(draw: Draw) -> Path:
    """A folder with nothing, or other files, in it."""
    path = draw.folder / draw.rng.choice(["data", "data.csv"])
    path.mkdir()
    if draw.rng.random() < 0.5:
        (path / "a.csv").write_text(draw.text())
    return path


@kind("refused", "pipe, device or socket|pipe that no program writes to")
def pipe_or_device(draw: Draw) -> Path:
    """A pipe that nobody writes to, or a device that never ends."""
    path = draw.folder / "data.csv"
    if draw.rng.random() < 0.5:
        os.mkfifo(path)
    else:
        path.symlink_to(draw.rng.choice(["/dev/zero", "/dev/urandom"]))
    return path


@kind("refused", "no file|cannot be opened")
def not_there(draw: Draw) -> Path:
    """A name that leads nowhere: a slip, a link to nothing or to itself, a name too long."""
    draw.table("sales.csv")
    link = draw.folder / "link.csv"
    link.symlink_to(draw.rng.choice(["nowhere.csv", "link.csv"]))
    choices = ["sale.csv", "link.csv", "n" * 300 + ".csv", "sub/sales.csv", "sales.csv/x"]
    return draw.folder / draw.rng.choice(choices)


@kind("refused", "")
def other_content(draw: Draw) -> Path:
    """A page, a picture, a document or a program with the name of a table."""
    rng = draw.rng
    noise = bytes(rng.randrange(256) for _ in range(3000))
    contents = [
        b"<!DOCTYPE html>\n<html><head><title>Not found</title></head>\n<body>\n<p>Sign in, please"
        b"</p>\n<a href='x,y'>here</a></body></html>\n",
        b"\x89PNG\r\n\x1a\n" + noise,
        b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + noise,
        b"\x7fELF\x02\x01\x01" + bytes(9) + noise,
        b"SQLite format 3\0" + noise,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise,
        noise,
        b'{"a": [1, 2], "y": [0, 1]}\n',
        b"<?xml version='1.0'?>\n<rows><row a='1' y='2'/></rows>\n",
    ]
    return draw.save(rng.choice(contents), "data.csv")


@kind("refused", "ending|end in|extension")
def unknown_name(draw: Draw) -> Path:
    """A table under a name that says nothing of its format."""
    return draw.table(draw.rng.choice(["data", "data.dat", "data.cvs", "data.sav", "data.xyz"]))


@kind("either", r"line \d+|column")
def json_lines_of_other_shape(draw: Draw) -> Path:
    """Objects whose keys or types change from line to line."""
    rng = draw.rng
    lines = []
    for row in draw.rows:
        one: dict[str, Any] = dict(zip(draw.names, row, strict=True))
        one["amount"] = float(row[0])
        if rng.random() < 0.1:
            name = rng.choice(draw.names)
            one[name] = rng.choice([None, True, 5, "x", [1, 2], {"a": 1}, 1e308])
        if rng.random() < 0.1:
            one.pop(rng.choice(draw.names), None)
        lines.append(json.dumps(one))
    return draw.save("\n".join(lines) + "\n", "data.jsonl")


@kind("refused", r"line \d+|UTF-8")
def damaged_json_lines(draw: Draw) -> Path:
    """Lines that are no objects, cut off, or one array that is cut off."""
    objects = [dict(zip(draw.names, row, strict=True)) for row in draw.rows]
    lines = [json.dumps(one) for one in objects]
    at = draw.at()
    change = draw.rng.randrange(6)
    if change == 5:
        return draw.save(lines[0].encode().replace(b"amount", b"am\xffount"), "data.jsonl")
    if change == 0:
        lines = [json.dumps(objects)[:-1]]
    elif change == 1:
        lines[at] = lines[at][: len(lines[at]) // 2]
    elif change == 2:
        lines[at] = "[" * draw.rng.choice([50, 5000, 50_000])
    elif change == 3:
        lines[at] = draw.rng.choice(["5", "not json", "{a: 1}", "{'a': 1}", '{"amount": }'])
    else:
        lines = ["{" + '"a":{' * 20_000]
    return draw.save("\n".join(lines) + "\n", draw.rng.choice(["data.jsonl", "data.json"]))


@kind("run")
def odd_json_lines(draw: Draw) -> Path:
    """Blank lines, a mark at the start, keys twice, nested objects, escapes."""
    lines = []
    for row in draw.rows:
        one: dict[str, Any] = dict(zip(draw.names, row, strict=True))
        one["more"] = {"a": [1, 2], "c": "\u2028"}
        lines.append(json.dumps(one))
        if draw.rng.random() < 0.1:
            lines.append("")
    mark = draw.rng.choice(["", "\ufeff"])
    return draw.save(mark + "\n".join(lines), "data.ndjson")


@kind("run")
def json_documents(draw: Draw) -> Path:
    """One JSON value in place of lines: an array, the answer of a web service, columns."""
    objects = [dict(zip(draw.names, row, strict=True)) for row in draw.rows]
    by_column = {name: [one[name] for one in objects] for name in draw.names}
    value: Any = draw.rng.choice(
        [
            objects,
            {"status": "ok", "data": objects},
            {"page": {"next": None, "results": objects}},
            {"columns": draw.names, "data": draw.rows},
            {name: {str(i): v for i, v in enumerate(vs)} for name, vs in by_column.items()},
            by_column,
        ]
    )
    return draw.save(json.dumps(value, indent=draw.rng.choice([None, 1])), "data.json")


@kind("refused", "Parquet|Feather|Arrow|damaged")
def damaged_columns(draw: Draw) -> Path:
    """A Parquet or Arrow file that is cut off, changed, or none."""
    path = _columnar(draw, _arrow_table(draw))
    content = bytearray(path.read_bytes())
    change = draw.rng.randrange(3)
    if change == 0:
        del content[len(content) * draw.rng.randint(1, 9) // 10 :]
    elif change == 1:
        content[-40:-8] = random.Random(1).randbytes(32)
    else:
        content = bytearray(draw.text().encode())
    path.write_bytes(bytes(content))
    return path


@kind("either", "")
def odd_columns(draw: Draw) -> Path:
    """Parquet or Arrow with types that nothing can be learnt from, equal names, or no rows."""
    import pyarrow as pa

    table = _arrow_table(draw)
    n = table.num_rows
    change = draw.rng.randrange(6)
    if change == 0:
        table = table.slice(0, 0)
    elif change == 1:
        table = table.append_column("blob", pa.array([b"\xff\x00"] * n, pa.binary()))
    elif change == 2:
        table = table.append_column("nested", pa.array([{"a": [1, None]}] * n))
    elif change == 3:
        table = table.append_column("amount", pa.array([1] * n, pa.uint64()))
    elif change == 4:
        table = pa.table({"only": pa.array([b"\xff\x00"] * n, pa.binary())})
    else:
        table = table.append_column("nothing", pa.nulls(n))
    return _columnar(draw, table)


@kind("either", "")
def changed_bytes_of_columns(draw: Draw) -> Path:
    """Bytes of JSON Lines, Parquet or Arrow that were flipped, taken out or put in."""
    if draw.rng.random() < 0.4:
        lines = [json.dumps(dict(zip(draw.names, row, strict=True))) for row in draw.rows]
        path = draw.save("\n".join(lines), "data.jsonl")
    else:
        path = _columnar(draw, _arrow_table(draw))
    content = bytearray(path.read_bytes())
    for _ in range(draw.rng.randint(1, 4)):
        at = draw.rng.randrange(len(content))
        if draw.rng.random() < 0.7:
            content[at] = draw.rng.randrange(256)
        else:
            content[at:at] = draw.rng.choice([b'"', b"}", b"\xff", b"\0", b"[", b"\n"])
    path.write_bytes(bytes(content))
    return path


@kind("refused", r"line \d+|series|target|@data")
def damaged_series(draw: Draw) -> Path:
    """A file of series whose head or rows are amiss."""
    rng = draw.rng
    head = ["@problemName x", "@univariate true", "@classLabel true a b", "@data"]
    rows = [
        ",".join(f"{rng.random():.3f}" for _ in range(8)) + f":{'ab'[i % 2]}" for i in range(30)
    ]
    change = rng.randrange(4)
    if change == 0:
        head.remove("@data")
    elif change == 1:
        rows[rng.randrange(30)] = "1,2,x,4:a"
    elif change == 2:
        rows = []
    else:
        rows[rng.randrange(30)] += ":b:a"
    return draw.save("\n".join([*head, *rows]) + "\n", "data.ts")


def _arrow_table(draw: Draw) -> Any:
    import pyarrow as pa

    columns = list(zip(*draw.rows, strict=True))
    return pa.table({name: list(c) for name, c in zip(draw.names, columns, strict=True)})


def _columnar(draw: Draw, table: Any) -> Path:
    import pyarrow.feather as pf
    import pyarrow.parquet as pq

    if draw.rng.random() < 0.6:
        path = draw.folder / "data.parquet"
        pq.write_table(table, path)
    else:
        path = draw.folder / "data.feather"
        pf.write_feather(table, str(path))
    return path
