"""Every trial of a run, ranked, and how to show it."""

from automl.leaderboard.board import Board, read_board
from automl.leaderboard.front import dominates
from automl.leaderboard.render import FORMATS, render, to_table
from automl.leaderboard.row import COLUMNS, Row
from automl.leaderboard.text import clean, format_amount, format_score, format_seconds

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Board",
    "Row",
    "clean",
    "dominates",
    "format_amount",
    "format_score",
    "format_seconds",
    "read_board",
    "render",
    "to_table",
]
