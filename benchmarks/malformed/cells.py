"""Tables that are well formed and yet hard: by their size, their target, or single cells."""

from __future__ import annotations

from pathlib import Path

from benchmarks.malformed.draw import Draw, kind

__all__: list[str] = []


@kind("refused", "empty")
def nothing(draw: Draw) -> Path:
    """No byte, or blanks alone."""
    return draw.save(draw.rng.choice(["", "\n", " \n\n", "\r\n", "\ufeff", "\t"]))


@kind("refused", "no rows|separat|only one column")
def names_alone(draw: Draw) -> Path:
    """A line of names and no rows."""
    end = draw.rng.choice(["", "\n", "\r\n", "\n\n", "\r"])
    return draw.save(draw.lines()[0] + end)


@kind("refused", "only one row|no usable columns")
def one_row(draw: Draw) -> Path:
    """A single row."""
    del draw.rows[1:]
    return draw.table()


@kind("either", "")
def few_rows(draw: Draw) -> Path:
    """Two to six rows."""
    del draw.rows[draw.rng.randint(2, 6) :]
    return draw.table()


@kind("refused", "only one column")
def one_column(draw: Draw) -> Path:
    """A single column."""
    at = draw.rng.randrange(5)
    return draw.save("\n".join(line.split(",")[at] for line in draw.lines()) + "\n")


@kind("run")
def many_columns(draw: Draw) -> Path:
    """Some thousand columns of few rows."""
    n = draw.rng.choice([2000, 5000])
    names = [f"x{i}" for i in range(n)]
    more = [[str(draw.rng.randint(0, 99)) for _ in range(n)] for _ in range(40)]
    draw.names = [*names, *draw.names]
    draw.rows = [[*m, *row] for m, row in zip(more, draw.rows, strict=False)]
    return draw.table()


@kind("either", "")
def a_hundred_thousand_columns(draw: Draw) -> Path:
    """A table on its side."""
    n = 100_000
    names = ",".join(f"x{i}" for i in range(n)) + ",y"
    rows = [",".join(str(draw.rng.randint(0, 9)) for _ in range(n)) + f",{i % 2}" for i in range(4)]
    return draw.save("\n".join([names, *rows]) + "\n")


@kind("run")
def huge_cell(draw: Draw) -> Path:
    """A cell of ten million letters, in one or many lines."""
    letters = draw.rng.choice(["x", "word ", "a\n"])
    draw.rows[draw.at()][2] = letters * (10_000_000 // len(letters))
    return draw.table()


@kind("refused", "column|line")
def one_endless_line(draw: Draw) -> Path:
    """Megabytes without a line end."""
    return draw.save(draw.rng.choice(["x", "1,", "0;1;"]) * 4_000_000)


@kind("refused", "target")
def target_of_one_value(draw: Draw) -> Path:
    """A constant target, or one with a single label."""
    value = draw.rng.choice(["yes", "1", "0.5"])
    for at, row in enumerate(draw.rows):
        row[4] = value if at % 3 else draw.rng.choice([value, ""])
    return draw.table()


@kind("refused", "target")
def target_without_values(draw: Draw) -> Path:
    """A target that is missing everywhere."""
    for row in draw.rows:
        row[4] = draw.rng.choice(["", "NA", "nan", "?"])
    return draw.table()


@kind("refused", r"row \d+")
def infinite_target(draw: Draw) -> Path:
    """Infinite or huge numbers in a target of numbers."""
    for at, row in enumerate(draw.rows):
        row[4] = f"{at * 1.25}"
    draw.rows[draw.at()][4] = draw.rng.choice(["inf", "-inf", "1e400", "Infinity"])
    return draw.table()


@kind("either", "target")
def target_of_texts(draw: Draw) -> Path:
    """A target that differs in every row."""
    for at, row in enumerate(draw.rows):
        row[4] = f"text {draw.rng.random()} of row {at}"
    return draw.table()


@kind("run")
def rare_classes(draw: Draw) -> Path:
    """Classes with one row each, beside frequent ones."""
    for at, row in enumerate(draw.rows):
        row[4] = f"rare{at}" if at < draw.rng.randint(2, 20) else draw.rng.choice(["a", "b"])
    return draw.table()


@kind("run")
def infinite_cells(draw: Draw) -> Path:
    """Numbers that no float holds."""
    for _ in range(draw.rng.randint(1, 20)):
        draw.rows[draw.at()][0] = draw.rng.choice(
            ["inf", "-inf", "1e400", "-1e999", "NaN", "1e-400", "9" * 400]
        )
    return draw.table()


@kind("run")
def odd_dates(draw: Draw) -> Path:
    """Dates of several forms, and ones that do not exist."""
    for row in draw.rows:
        y, m, d = row[3].split("-")
        row[3] = draw.rng.choice([f"{d}/{m}/{y}", f"{m}/{d}/{y[2:]}", f"{d}.{m}.{y}", row[3]])
    draw.rows[draw.at()][3] = draw.rng.choice(
        ["2021-02-30", "0000-00-00", "9999-12-31", "99/99/99"]
    )
    return draw.table()


@kind("run")
def formulas(draw: Draw) -> Path:
    """Cells that a spreadsheet would run."""
    for row in draw.rows:
        row[2] = draw.rng.choice(["=1+1", "+A1", "-B2", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1"])
    return draw.table()


@kind("run")
def control_characters(draw: Draw) -> Path:
    """Escapes of terminals, bells and marks of direction, in cells and labels."""
    odd = ["\x1b[2J", "\x07", "\u202eabc", "\ufeffx", "a\x0bb", "\x7f", "\ud7ff", "\U0001f600"]
    for row in draw.rows:
        row[2] = draw.rng.choice(odd)
        if draw.task != "regression":
            row[4] = "\x1b[31m" + row[4]
    return draw.table()


@kind("run")
def long_whole_numbers(draw: Draw) -> Path:
    """Whole numbers of 16 to 400 digits."""
    for row in draw.rows:
        row[1] = str(10 ** draw.rng.choice([16, 19, 30, 400]) + draw.rng.randint(0, 9))
    return draw.table()


@kind("run")
def empty_columns(draw: Draw) -> Path:
    """Columns without any value, or with one alone."""
    for at in draw.rng.sample(range(4), draw.rng.randint(1, 3)):
        value = draw.rng.choice(["", "NA", "same"])
        for row in draw.rows:
            row[at] = value
    return draw.table()


@kind("refused", "no usable columns")
def no_column_of_use(draw: Draw) -> Path:
    """Columns that are empty or constant, all of them."""
    for row in draw.rows:
        row[:4] = ["", "same", "NA", "1"]
    return draw.table()


@kind("run")
def numbers_as_people_write_them(draw: Draw) -> Path:
    """Currencies, units, marks of thousands, and words among them."""
    for row in draw.rows:
        n = draw.rng.randint(1000, 9999)
        row[1] = draw.rng.choice([f"${n:,}", f"{n} kg", f"{n}%", f"({n})", f"\u2212{n}", "tbd"])
    return draw.table()


@kind("run")
def spreadsheet_errors(draw: Draw) -> Path:
    """What spreadsheets put where a formula failed."""
    for _ in range(draw.rng.randint(1, 30)):
        row = draw.rows[draw.at()]
        row[draw.rng.randrange(4)] = draw.rng.choice(
            ["#REF!", "#DIV/0!", "#N/A", "#####", "#NAME?"]
        )
    return draw.table()


@kind("refused", r"line \d+")
def nul_byte(draw: Draw) -> Path:
    """One or some NUL bytes in a row."""
    lines = draw.lines()
    at = draw.rng.randrange(1, len(lines))
    where = draw.rng.randrange(len(lines[at]))
    lines[at] = lines[at][:where] + "\0" * draw.rng.choice([1, 3]) + lines[at][where:]
    return draw.save("\n".join(lines))


@kind("either", r"line \d+")
def late_nul_byte(draw: Draw) -> Path:
    """A NUL byte far behind the start of a file, as after a crash while it was written."""
    draw.rows *= 200
    text = draw.text().encode()
    return draw.save(text + b"\0" * draw.rng.choice([1, 4096]))


@kind("either", r"line \d+|row \d+")
def changed_bytes(draw: Draw) -> Path:
    """Bytes that were flipped, taken out, put in or moved anywhere."""
    content = bytearray(draw.text().encode())
    for _ in range(draw.rng.randint(1, 12)):
        at, n = draw.rng.randrange(len(content)), draw.rng.randint(1, 8)
        change = draw.rng.randrange(4)
        if change == 0:
            content[at] = draw.rng.randrange(256)
        elif change == 1:
            del content[at : at + n]
        elif change == 2:
            content[at:at] = draw.rng.choice([b'"', b",", b"\n", b"\r", b"\xff", b'""', b";"]) * n
        else:
            content[at:at] = content[at // 2 : at // 2 + 10 * n]
    return draw.save(bytes(content))


@kind("either", "")
def cut_off(draw: Draw) -> Path:
    """The start of a file, up to any byte."""
    content = draw.text().encode()
    return draw.save(content[: draw.rng.randint(1, len(content))])
