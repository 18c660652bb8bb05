"""The ensemble of a run and its file, ``ensemble/ensemble.json``."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from automl.ensemble.calibration import NO_CALIBRATION, Calibration
from automl.errors import RunError
from automl.plugin.context import Encoding
from automl.plugin.task import ColumnKind, Task
from automl.store.files import read_json, write_json
from automl.store.run_dir import RunDir

__all__ = ["Ensemble", "Member", "ensemble_file", "read_ensemble", "write_ensemble"]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One trial of an ensemble; its prediction is the mean over its fold models.

    Attributes:
        trial: Name of the trial, such as ``lightgbm-3``.
        family: Name of the family that loads its models.
        weight: Weight in the ensemble.
        folds: Numbers of the folds whose models predict; ``ALL_ROWS`` (-1) for a model of all
            rows, lower numbers for such models with other seeds.
        view: Its encoding.
        kinds: Column kinds that it sees.
    """

    trial: str
    family: str
    weight: float
    folds: tuple[int, ...]
    view: Encoding
    kinds: frozenset[ColumnKind]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """An ensemble of weighted members, or of a single one.

    Attributes:
        members: Members, whose weights sum to 1.
        task: Task of the run.
        n_classes: Number of classes; 0 for regression.
        metric: Name of the metric of the run.
        score: Score of the blended out-of-fold predictions on the rows used to choose it.
        score_se: Standard error of ``nested_score``; None if unknown.
        nested_score: Score of predictions of each row by an ensemble chosen without it; None if
            unknown.
        interval: 95 % interval of ``nested_score``; None if unknown.
        mean_score: Expected score of the mean of the folds' models (other scores are from one
            model per row); None if unknown or not applicable.
        kind: ``ensemble`` or ``single``.
        reason: Reason for that kind, in a sentence.
        predict_ms: Milliseconds to predict 1,000 rows, measured with the saved models; None if not
            measured.
        n_levels: Number of levels of a quantile task; else 0.
        calibration: Calibration of the weighted mean.
    """

    members: tuple[Member, ...]
    task: Task
    n_classes: int
    metric: str
    score: float | None
    score_se: float | None = None
    nested_score: float | None = None
    interval: tuple[float, float] | None = None
    mean_score: float | None = None
    kind: Literal["ensemble", "single"] = "ensemble"
    reason: str = ""
    predict_ms: float | None = None
    n_levels: int = 0
    calibration: Calibration = NO_CALIBRATION

    @property
    def n_outputs(self) -> int:
        """Columns of a prediction (classes or levels); 0 for a 1-D prediction."""
        return self.n_classes or self.n_levels

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each member, by trial."""
        return {member.trial: member.weight for member in self.members}

    @property
    def expected_score(self) -> float | None:
        """Expected score on new rows: the nested score if known, else ``score``."""
        return self.score if self.nested_score is None else self.nested_score


def ensemble_file(run: RunDir) -> Path:
    """Returns the path of the ensemble file of a run."""
    return run.ensemble / "ensemble.json"


def write_ensemble(run: RunDir, ensemble: Ensemble) -> None:
    """Writes the ensemble of a run atomically."""
    members = [
        {**asdict(m), "folds": list(m.folds), "kinds": sorted(kind.value for kind in m.kinds)}
        for m in ensemble.members
    ]
    content = {"schema": SCHEMA, **asdict(ensemble), "members": members}
    write_json(ensemble_file(run), content)


def read_ensemble(run: RunDir) -> Ensemble:
    """Reads the ensemble of a run.

    Raises:
        RunError: It is missing, damaged, or of another version; the message names the file.
    """
    path = ensemble_file(run)
    value = read_json(path)
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise RunError(
            f"{path} has schema {schema!r}, but this version reads {SCHEMA}: use the version of "
            "automl that wrote the run"
        )
    try:
        ensemble = _from_json(value)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {type(error).__name__}: {error}") from None
    if not math.isclose(sum(ensemble.weights.values()), 1, abs_tol=1e-6):
        raise RunError(f"{path} is damaged: the weights {ensemble.weights} do not sum to 1")
    return ensemble


def _view(fields: dict[str, Any]) -> Encoding:
    return Encoding(**{**fields, "generated": tuple(fields["generated"])})


def _from_json(value: dict[str, Any]) -> Ensemble:
    fields = {k: v for k, v in value.items() if k != "schema"}
    members = tuple(
        Member(
            **{
                **member,
                "folds": tuple(int(fold) for fold in member["folds"]),
                "view": _view(member["view"]),
                "kinds": frozenset(ColumnKind(kind) for kind in member["kinds"]),
            }
        )
        for member in fields["members"]
    )
    if not all(member.folds for member in members):
        raise ValueError("a member has no folds")
    return Ensemble(
        **{
            **fields,
            "members": members,
            "task": Task(fields["task"]),
            "interval": _pair(fields.get("interval")),
            "calibration": _calibration(fields.get("calibration") or {}),
        }
    )


def _calibration(value: dict[str, Any]) -> Calibration:
    factors = tuple(float(factor) for factor in value.get("class_factors", ()))
    value_range = _pair(value.get("value_range"))
    return Calibration(**{**value, "class_factors": factors, "value_range": value_range})


def _pair(values: Any) -> tuple[float, float] | None:
    if values is None:
        return None
    low, high = values
    return float(low), float(high)
