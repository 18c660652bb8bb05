"""The leaderboard of a run: reads, ranks and renders its trials."""

from automl.formatting import (
    clean,
    format_amount,
    format_params,
    format_score,
    format_seconds,
    format_state,
)
from automl.leaderboard.board import Leaderboard, read_board
from automl.leaderboard.held_out import HeldOutScores, score_table
from automl.leaderboard.learning_curve import CurveAxes, LearningCurve, draw_curve
from automl.leaderboard.pareto_front import dominates
from automl.leaderboard.render import FORMATS, render, to_table
from automl.leaderboard.row import COLUMNS, LeaderboardRow
from automl.leaderboard.trial_details import TRIAL_FORMATS, TrialDetails, read_trial, render_trial

__all__ = [
    "COLUMNS",
    "FORMATS",
    "TRIAL_FORMATS",
    "CurveAxes",
    "HeldOutScores",
    "Leaderboard",
    "LeaderboardRow",
    "LearningCurve",
    "TrialDetails",
    "clean",
    "dominates",
    "draw_curve",
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
