"""Delimited texts whose encoding, lines, separators, quotes or column names are amiss."""

from __future__ import annotations

from pathlib import Path

from benchmarks.malformed.draw import Draw, kind

__all__: list[str] = []

LINE = r"line \d+"


@kind("run")
def byte_order_mark(draw: Draw) -> Path:
    """UTF-8, -16 or -32 with a mark."""
    return draw.save(draw.text().encode(draw.rng.choice(["utf-8-sig", "utf-16", "utf-32"])))


@kind("run")
def utf16_without_mark(draw: Draw) -> Path:
    """UTF-16 in either order."""
    return draw.save(draw.text().encode(draw.rng.choice(["utf-16-le", "utf-16-be"])))


@kind("run", "is not UTF-8")
def other_encoding(draw: Draw) -> Path:
    """Texts in an encoding of a region."""
    texts, encoding = draw.rng.choice(
        [
            (["Köln", "Nîmes", "Málaga"], "latin-1"),
            (["€ 5", "“a”", "naïve"], "cp1252"),
            (["Москва", "Киев", "Минск"], "cp1251"),
            (["東京", "大阪", "京都"], "shift_jis"),
            (["北京", "上海", "广州"], "gb18030"),
        ]
    )
    for row in draw.rows:
        row[2] = draw.rng.choice(texts)
    return draw.save(draw.text().encode(encoding))


@kind("run", "is not UTF-8")
def mixed_encodings(draw: Draw) -> Path:
    """UTF-8 with a few bytes that are none."""
    lines = draw.text().encode().split(b"\n")
    for _ in range(draw.rng.randint(1, 4)):
        at = draw.rng.randrange(1, len(lines) - 1)
        lines[at] = lines[at].replace(b"e", b"\xe9", 1) + b"\xff" * draw.rng.randint(0, 1)
    lines[1] = lines[1].replace(b"-", b"\xad-", 1)
    return draw.save(b"\n".join(lines))


@kind("run")
def line_ends(draw: Draw) -> Path:
    """CR, CRLF, or all of them by turns."""
    ends = draw.rng.choice([["\r"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r", "\r\n"]])
    return draw.save("".join(line + draw.rng.choice(ends) for line in draw.lines()))


@kind("run")
def blank_lines(draw: Draw) -> Path:
    """Empty lines, or lines of spaces, above, among and below the rows."""
    lines = draw.lines()
    for _ in range(draw.rng.randint(1, 8)):
        lines.insert(draw.rng.randrange(len(lines) + 1), draw.rng.choice(["", "", "   "]))
    return draw.save("\n".join(lines) + "\n" * draw.rng.randint(1, 4))


@kind("refused", LINE)
def short_row(draw: Draw) -> Path:
    """Rows that lack values."""
    for _ in range(draw.rng.randint(1, 3)):
        row = draw.rows[draw.at()]
        del row[draw.rng.randint(2, 4) :]
    return draw.table()


@kind("refused", LINE)
def long_row(draw: Draw) -> Path:
    """Rows with a value too many."""
    for _ in range(draw.rng.randint(1, 3)):
        draw.rows[draw.at()].insert(draw.rng.randint(0, 5), "extra")
    return draw.table()


@kind("refused", LINE)
def late_long_row(draw: Draw) -> Path:
    """A row with a value too many behind 300 kB of good ones."""
    draw.rows = [list(row) for row in draw.rows * 150]
    draw.rows[-draw.rng.randint(2, 9)].append("extra")
    return draw.table()


@kind("refused", LINE)
def unclosed_quote(draw: Draw) -> Path:
    """A quote that opens a value and never closes."""
    lines = draw.lines()
    at = draw.rng.randrange(1, len(lines))
    lines[at] = lines[at].replace(",", ',"', 1)
    return draw.save("\n".join(lines) + "\n")


@kind("refused", LINE)
def unclosed_quote_in_names(draw: Draw) -> Path:
    """A quote in the line of names that never closes."""
    return draw.save(draw.text().replace("count", '"count', 1))


@kind("run")
def quote_inside(draw: Draw) -> Path:
    """Inches, and quotes that stand in the middle of a value."""
    lines = draw.lines()
    for at in draw.rng.sample(range(1, len(lines)), 5):
        lines[at] = lines[at].replace("re", draw.rng.choice(['5" re', 'r"e', 're""']))
    return draw.save("\n".join(lines) + "\n")


@kind("either", LINE)
def escaped_quote(draw: Draw) -> Path:
    """Quotes escaped by a backslash, as MySQL writes them."""
    lines = [line.replace("blue", '"light \\"blue\\""') for line in draw.lines()]
    return draw.save("\n".join(lines) + "\n")


@kind("run")
def line_end_in_value(draw: Draw) -> Path:
    """Values of several lines, in quotes."""
    for _ in range(5):
        draw.rows[draw.at()][2] = draw.rng.choice(["dark\nred", "a\r\nb", "\n\n", "a,\nb"])
    return draw.table()


@kind("run")
def trailing_separator(draw: Draw) -> Path:
    """A separator at the end of all lines, or of the rows alone."""
    names, *rows = draw.lines()
    names += draw.rng.choice(["", ","])
    return draw.save("\n".join([names, *(row + "," for row in rows)]) + "\n")


@kind("either", LINE)
def separator_after_names(draw: Draw) -> Path:
    """A separator at the end of the line of names alone."""
    names, *rows = draw.lines()
    return draw.save("\n".join([names + ",", *rows]) + "\n")


@kind("run")
def other_separator(draw: Draw) -> Path:
    """Separated by semicolons, tabs or bars, with a name that says comma."""
    delimiter = draw.rng.choice([";", "\t", "|"])
    if delimiter == ";":
        for row in draw.rows:
            row[0] = row[0].replace(".", ",")
    return draw.save(draw.text(delimiter))


@kind("run")
def line_that_names_the_separator(draw: Draw) -> Path:
    """``sep=;`` above the names, as Excel reads and writes it."""
    delimiter = draw.rng.choice([",", ";", "\t"])
    end = draw.rng.choice(["\n", "\r\n"])
    return draw.save(f"sep={delimiter}{end}" + draw.text(delimiter, end))


@kind("either", "data.delimiter|separator")
def odd_separator(draw: Draw) -> Path:
    """Separated by spaces, colons, carets or two bars."""
    delimiter = draw.rng.choice([" ", ":", "^", "||", "  ", ", "])
    lines = [line.replace(",", delimiter) for line in draw.lines()]
    return draw.save("\n".join(lines) + "\n")


@kind("run")
def separators_mixed(draw: Draw) -> Path:
    """Commas inside values of a file that is separated by semicolons, or the reverse."""
    outer, inner = draw.rng.choice([(";", ","), (",", ";"), ("\t", ","), ("|", ";")])
    for row in draw.rows:
        row[2] = f"{row[2]}{inner} {draw.rng.choice(['light', 'dark'])}"
    return draw.save(draw.text(outer))


@kind("run", "column names|first line")
def no_names(draw: Draw) -> Path:
    """Rows from the first line on."""
    return draw.save("\n".join(draw.lines()[1:]) + "\n")


@kind("run", "column names|first line")
def no_names_all_numbers(draw: Draw) -> Path:
    """Numbers from the first line on."""
    rows = [[f"{draw.rng.gauss(0, 1):.3f}" for _ in range(4)] for _ in range(80)]
    return draw.save("\n".join(map(draw.line, rows)) + "\n")


@kind("run")
def equal_names(draw: Draw) -> Path:
    """Names that are repeated, the target's among them."""
    draw.names = draw.rng.choice(
        [["a", "a", "b", "c", "y"], ["y", "a", "b", "c", "y"], ["a", "a", "a", "a", "a"]]
    )
    return draw.table()


@kind("run")
def empty_names(draw: Draw) -> Path:
    """Names of nothing, or of spaces."""
    for at in draw.rng.sample(range(5), draw.rng.randint(1, 5)):
        draw.names[at] = draw.rng.choice(["", " ", "  "])
    return draw.table()


@kind("run")
def odd_names(draw: Draw) -> Path:
    """Names with line ends, quotes, brackets, escapes of terminals, or of great length."""
    odd = ["a\nb", 'say "x"', "[x<y]", "\x1b[31mred\x1b[0m", "n" * 5000, "=1+1", "é\u0301", " a "]
    draw.names[:4] = draw.rng.sample(odd, 4)
    return draw.table()


@kind("run", r"line \d+, below")
def title(draw: Draw) -> Path:
    """A title above the names, of one cell or padded with separators."""
    lines = draw.rng.choice(
        [["Sales of 2021"], ["Sales of 2021,,,,"], ["Report", "", "by hand"], ["A,,,,", ",,,,"]]
    )
    return draw.save("\n".join([*lines, ""]) + draw.text())


@kind("run")
def comments(draw: Draw) -> Path:
    """Comments above and among the rows."""
    lines = draw.lines()
    mark = draw.rng.choice(["#", "# ", "//", "%"])
    for at in (0, *draw.rng.sample(range(2, len(lines)), draw.rng.randint(0, 2))):
        lines.insert(at, f"{mark}exported by hand")
    return draw.save("\n".join(lines) + "\n")


@kind("run")
def footer(draw: Draw) -> Path:
    """Lines below the rows that are none: a remark, or a total."""
    below = draw.rng.choice(
        ["End of file", "Total,640,,,", "\nSource: our own", "Rows: 80", "(80 rows affected)"]
    )
    return draw.save(draw.text() + below + draw.rng.choice(["", "\n"]))


@kind("run", "repeat")
def repeated_names(draw: Draw) -> Path:
    """The line of names again and again, as in files that were joined."""
    lines = draw.lines()
    for _ in range(draw.rng.randint(1, 4)):
        lines.insert(draw.rng.randrange(2, len(lines)), lines[0])
    return draw.save("\n".join(lines) + "\n")


@kind("either", "")
def second_line_of_names(draw: Draw) -> Path:
    """Units below the names, or names in two lines."""
    lines = draw.lines()
    lines.insert(1, draw.rng.choice(["EUR,pieces,,date,", "kg,n,name,d,t", ",,,,"]))
    return draw.save("\n".join(lines) + "\n")


@kind("run")
def names_of_rows(draw: Draw) -> Path:
    """An index without a name, as pandas and R write it."""
    names, *rows = draw.lines()
    head = draw.rng.choice([f",{names}", names, f'"",{names}', f"Unnamed: 0,{names}"])
    return draw.save("\n".join([head, *(f"{i},{row}" for i, row in enumerate(rows))]) + "\n")


@kind("run")
def spaces_around(draw: Draw) -> Path:
    """Spaces after the commas, in front of quotes too."""
    if draw.rng.random() < 0.5:
        for row in draw.rows:
            row[2] = f"{row[2]}, {draw.rng.choice(['light', 'dark'])}"
        lines = [", ".join(draw.line([value]) for value in row) for row in (draw.names, *draw.rows)]
        return draw.save("\n".join(lines) + "\n")
    lines = [line.replace(",", ", ") for line in draw.lines()]
    lines = [line.replace("red", draw.rng.choice(["red ", "red"])) for line in lines]
    return draw.save("\n".join(lines) + "\n")
