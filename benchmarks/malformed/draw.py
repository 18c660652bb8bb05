"""A small table by a seed, and what is common to all kinds of files that are made of it."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["KINDS", "Draw", "Kind", "Outcome", "kind"]

Outcome = Literal["run", "refused", "either"]
Make = Callable[["Draw"], Path]


class Draw:
    """A table to spoil, and the folder to put the file into.

    Args:
        seed: Of all random choices.
        folder: An empty one.
    """

    def __init__(self, seed: str, folder: Path) -> None:
        self.rng, self.folder = random.Random(seed), folder
        self.names = ["amount", "count", "colour", "day", "y"]
        self.task = self.rng.choice(["binary", "multiclass", "regression"])
        self.rows = [self.row() for _ in range(self.rng.randint(60, 120))]

    def row(self) -> list[str]:
        """A row of the table; the target follows from the first column, roughly."""
        rng = self.rng
        amount = rng.gauss(10, 3)
        signal = amount + rng.gauss(0, 1)
        y = {
            "binary": "yes" if signal > 10 else "no",
            "multiclass": "low" if signal < 8 else "mid" if signal < 12 else "high",
            "regression": f"{signal:.3f}",
        }[self.task]
        day = f"20{rng.randint(10, 24)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        return [
            f"{amount:.3f}",
            str(rng.randint(1, 9)),
            rng.choice(["red", "green", "blue"]),
            day,
            y,
        ]

    def at(self) -> int:
        """Index of a row that is neither the first nor the last."""
        return self.rng.randrange(1, len(self.rows) - 1)

    def lines(self, delimiter: str = ",") -> list[str]:
        """The names and the rows as lines, without line ends."""
        return [self.line(values, delimiter) for values in (self.names, *self.rows)]

    @staticmethod
    def line(values: Sequence[str], delimiter: str = ",") -> str:
        """Values as one line, in quotes where need be."""
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerow(values)
        return out.getvalue()[:-2]

    def text(self, delimiter: str = ",", end: str = "\n") -> str:
        """The whole table as text."""
        return end.join(self.lines(delimiter)) + end

    def save(self, content: str | bytes, name: str = "data.csv") -> Path:
        """Writes the file; returns its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def table(self, name: str = "data.csv") -> Path:
        """Writes the table as it stands."""
        return self.save(self.text(), name)


@dataclass(frozen=True, slots=True)
class Kind:
    """A way in which a file is no good table.

    Attributes:
        name: Of the function that makes it.
        make: Writes one; returns what DATA names.
        outcome: What has to come of it.
        says: A pattern that has to be in what is printed; "" for none.
        needs: Module that is needed to read or write it; "" for none.
    """

    name: str
    make: Make = field(repr=False)
    outcome: Outcome
    says: str = ""
    needs: str = ""


KINDS: dict[str, Kind] = {}


def kind(outcome: Outcome, says: str = "", needs: str = "") -> Callable[[Make], Make]:
    """Registers a function as a kind of file, under its name."""

    def register(make: Make) -> Make:
        name = getattr(make, "__name__", "")
        assert name not in KINDS, name
        KINDS[name] = Kind(name, make, outcome, says, needs)
        return make

    return register
