"""Every trial of a run, ranked, and how to show it."""

from automl.formatting import (
    clean,
    format_amount,
    format_params,
    format_score,
    format_seconds,
    format_state,
)
from automl.leaderboard.board import Board, read_board
from automl.leaderboard.front import dominates
from automl.leaderboard.held_out import HeldOutScores, score_table
from automl.leaderboard.learning_curve import Axes, Curve, draw
from automl.leaderboard.render import FORMATS, render, to_table
from automl.leaderboard.row import COLUMNS, Row
from automl.leaderboard.trial_details import TRIAL_FORMATS, TrialDetails, read_trial, render_trial

__all__ = [
    "COLUMNS",
    "FORMATS",
    "TRIAL_FORMATS",
    "Axes",
    "Board",
    "Curve",
    "HeldOutScores",
    "Row",
    "TrialDetails",
    "clean",
    "dominates",
    "draw",
    "format_amount",
    "format_params",
    "format_score",
    "format_seconds",
    "format_state",
    "read_board",
    "read_trial",
    "render",
    "render_trial",
    "score_table",
    "to_table",
]
