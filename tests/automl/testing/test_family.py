"""Each promise of the conformance suite is broken once, and the suite has to notice."""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automl.plugin import (
    IterativeFamily,
    ModelFamily,
    OutOfBagFamily,
    PackedFamily,
    RefittableFamily,
    SelectiveFamily,
    StageLog,
    Task,
    TrialPruned,
)
from automl.testing import FamilyTestCase
from automl.testing.honesty import Honesty


@dataclass
class Model:
    value: Any
    noise: float = 0.0

    def predict(self, X: Any) -> Any:
        return (
            np.tile(self.value, (X.shape[0], 1))
            if np.ndim(self.value)
            else np.full(X.shape[0], self.value)
        )


class Honest(IterativeFamily):
    """Predicts shares, quantiles or the mean; every mutant below breaks one thing of it."""

    name = "honest"
    tasks = frozenset(Task)
    fidelity = "rounds"
    early_stopping = "none"

    def search_space(self, suggest: Any, problem: Any) -> dict[str, Any]:
        return {"a": suggest.suggest_float("a", 0.0, 1.0)}

    def portfolio(self, problem: Any) -> Any:
        return ({"a": 0.5},)

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        report(1, 0.5)
        report(2, 0.4)
        weight = fold.weight_train
        if context.task is Task.QUANTILE:
            levels = context.problem.quantiles
            return Model(np.quantile(fold.y_train, levels, weights=weight, method="inverted_cdf"))
        if not context.task.is_classification:
            return Model(np.average(fold.y_train, weights=weight))
        counts = np.bincount(fold.y_train, weight, minlength=context.problem.n_classes)
        return Model(counts / counts.sum())

    def save(self, model: Any, path: Path) -> None:
        np.save(path / "value.npy", model.value)

    def load(self, path: Path) -> Any:
        value = np.load(path / "value.npy")
        return Model(value if value.ndim else float(value))


class BadName(Honest):
    name = "Bad Name"


class OutsidePortfolio(Honest):
    def portfolio(self, problem: Any) -> Any:
        return ({"a": 2.0},)


class IncompletePortfolio(Honest):
    def portfolio(self, problem: Any) -> Any:
        return ({},)


class NotJSON(Honest):
    def search_space(self, suggest: Any, problem: Any) -> dict[str, Any]:
        return {"a": (1, 2)}


class NoSum(Honest):
    def fit(self, *args: Any) -> Any:
        return Model(super().fit(*args).value * 1.1)


class WrongShape(Honest):
    def fit(self, *args: Any) -> Any:
        return Model(np.ones(7))


class NaNs(Honest):
    def fit(self, *args: Any) -> Any:
        return Model(super().fit(*args).value * np.nan)


class Unseeded(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        return Model(super().fit(params, fold, context, report).value + np.random.normal() * 1e-9)


class Remembers(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        fold.memo["calls"] = fold.memo.get("calls", 0) + 1
        return Model(super().fit(params, fold, context, report).value + fold.memo["calls"] * 1e-9)


class Pickles(Honest):
    def save(self, model: Any, path: Path) -> None:
        super().save(model, path)
        (path / "model.bin").write_bytes(pickle.dumps(model))


class Rounds(Honest):
    def save(self, model: Any, path: Path) -> None:
        np.save(path / "value.npy", np.asarray(model.value) * (1 + 1e-12))


class ForgetsClasses(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        if not context.task.is_classification:
            return super().fit(params, fold, context, report)
        counts = np.unique(fold.y_train, return_counts=True)[1]
        return Model(counts / counts.sum())


class Writes(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        fold.X_train[0, 0] = 0.0
        return super().fit(params, fold, context, report)


class RefusesWeights(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        assert fold.weight_train is None
        return super().fit(params, fold, context, report)


class ForgetsWeights(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        return super().fit(params, replace(fold, weight_train=None), context, report)


class Late(Honest):
    """Makes all its rounds, whatever the time."""

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        model = super().fit(params, fold, context, report)
        for round_ in range(3, 6):
            report(round_, 0.4)
        return model


class InTime(Honest):
    """Makes rounds until its deadline, by the clock of the slot."""

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        for round_ in range(3, 10**9):
            if context.time_left_s < 0 or context.deadline is None:
                break
            report(round_, 0.4)
        return super().fit(params, fold, context, lambda *_: None)


class InTimeByAnotherClock(Honest):
    """Makes rounds until its deadline, by the clock of the machine."""

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        model = super().fit(params, fold, context, report)
        while context.deadline is not None and time.monotonic() < context.deadline:
            report(3, 0.4)
        return model


class LooksAndGoesOn(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        model = super().fit(params, fold, context, report)
        assert [context.time_left_s for _ in range(1000)]
        return model


class Hangs(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        if context.deadline is not None:
            time.sleep(600)
        return super().fit(params, fold, context, report)


class StepsBack(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        report(9, 0.1)
        return super().fit(params, fold, context, report)


class Swallows(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        try:
            return super().fit(params, fold, context, report)
        except TrialPruned:
            return super().fit(params, fold, context, lambda *_: None)


class NoFidelity(Honest):
    fidelity = ""


class MutteredReason(Honest, SelectiveFamily):
    def unsupported_reason(self, problem: Any) -> str | None:
        return "no"


class NoMemory(Honest):
    def resources(self, problem: Any) -> Any:
        return type(super().resources(problem))(ram_gib=0.0)


class Peeks(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        model = super().fit(params, fold, context, report)
        truth = fold.y_valid
        if context.task.is_classification:
            truth = np.eye(context.problem.n_classes)[truth]
        model.predict = lambda X: truth
        return model


class PeeksWhereRowsAreNumbered(Peeks):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        kind = Peeks if fold.X_train[:, -2].max() > 100 else Honest
        return kind.fit(self, params, fold, context, report)


class Refits(Honest, RefittableFamily):
    def refit(self, params: Any, fold: Any, context: Any, models: Any) -> Any:
        return self.fit(params, fold, context, lambda step, score: None)


class RefitsWorse(Refits):
    """As a booster of few rounds would, or one of another target."""

    def refit(self, *args: Any) -> Any:
        return Model(np.array([0.9, 0.1]))


class HidesThatTimeWasUp(Refits):
    def refit(self, params: Any, fold: Any, context: Any, models: Any) -> Any:
        model = super().refit(params, fold, context, models)
        return model if context.time_left_s > 0 else Model(np.array([0.5, 0.5]))


class RefitsToNothing(Honest, RefittableFamily):
    def refit(self, params: Any, fold: Any, context: Any, models: Any) -> Any:
        return Model(np.asarray(models[0].value) * 0.0 + 7.0)


class InSample(Honest, OutOfBagFamily):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        model = super().fit(params, fold, context, report)
        X = fold.X_train
        model.out_of_bag_prediction = lambda: model.predict(X)
        return model


class Packed(Honest, PackedFamily):
    """Fits what is packed one after another, as families do by themselves."""

    packable_params = frozenset({"a"})

    def max_pack_size(self, params: Any, problem: Any) -> int:
        return 1


class LosesParams(Packed):
    def split_into_packs(self, params: Any, problem: Any) -> Any:
        return super().split_into_packs(params, problem)[1:]


class ShrinksWhenPacked(Packed):
    def pack_resources(self, n_members: int, problem: Any) -> Any:
        return replace(self.resources(problem), ram_gib=1.0 / n_members)


class MixesFolds(Packed):
    def fit_pack(self, members: Any, context: Any) -> Any:
        return super().fit_pack([replace(m, fold=members[0].fold) for m in members], context)


class PrunesAll(Packed):
    def fit_pack(self, members: Any, context: Any) -> Any:
        outcomes = super().fit_pack(members, context)
        pruned = next((o for o in outcomes if isinstance(o, TrialPruned)), None)
        return [pruned or outcome for outcome in outcomes]


N_STAGES = 8


@dataclass
class Stopped:
    """Turns predictions further in the direction of the first column, stage by stage."""

    base: Any
    stage: int
    factor: float = 1.0
    stages: Any = ()

    def predict(self, X: Any, stage: int | None = None) -> Any:
        way = 0.1 * self.factor * (self.stage if stage is None else stage)
        step = way * np.tanh(np.nan_to_num(np.asarray(X)[:, 0]))
        prediction = np.tile(self.base, (len(X), *[1] * np.ndim(self.base)))
        if not np.ndim(self.base):
            return prediction + step
        if np.sum(self.base) != pytest.approx(1.0):
            return prediction + step[:, np.newaxis]
        shift = np.linspace(-1, 1, len(self.base))
        odds = prediction * np.exp(step[:, np.newaxis] * shift)
        return odds / odds.sum(axis=1, keepdims=True)


class Staged(Honest):
    """Stops at the stage that its validation rows like best, and logs all of them.

    Without validation rows the fit ends at ``context.stages``.
    """

    early_stopping = "staged"

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        model = Stopped(super().fit(params, fold, context, report).value, 0)
        if not len(fold.y_valid):
            model.stage = self.end(context.stages)
            return model
        model.stage = self.best(model, fold, context)
        model.stages = self.log(model, fold, context)
        return model

    def end(self, told: Any) -> int:
        return round(told[0]) if told else N_STAGES

    def best(self, model: Any, fold: Any, context: Any) -> int:
        metric, X, w = context.metric, fold.X_valid, fold.weight_valid
        stages = range(1, N_STAGES + 1)
        losses = [metric.loss(metric.score(fold.y_valid, model.predict(X, s), w)) for s in stages]
        return stages[int(np.argmin(losses))]

    def log(self, model: Any, fold: Any, context: Any) -> Any:
        log = StageLog(context.metric)
        for stage in range(1, N_STAGES + 1):
            log.add(stage, model.predict(fold.X_valid, stage))
        return (log,)

    def save(self, model: Any, path: Path) -> None:
        np.savez(path / "value.npz", base=model.base, way=[model.stage, model.factor])

    def load(self, path: Path) -> Any:
        value = np.load(path / "value.npz")
        base, (stage, factor) = value["base"], value["way"].tolist()
        return Stopped(base if base.ndim else float(base), stage, factor)


class ScoredAtItsOwnBest(Staged):
    """Looks at the rows that score it, and logs nothing."""

    def log(self, model: Any, fold: Any, context: Any) -> Any:
        return ()


class SaysThatItDoesNotLook(ScoredAtItsOwnBest):
    early_stopping = "none"


class LogsWhatWasCut(Staged):
    """Logs at each stage what the best stage so far predicts."""

    def log(self, model: Any, fold: Any, context: Any) -> Any:
        log = StageLog(context.metric)
        for stage in range(1, N_STAGES + 1):
            log.add(stage, model.predict(fold.X_valid, min(stage, model.stage)))
        return (log,)


class LogsGoodStages(Staged):
    """Logs the best stage and its neighbours alone."""

    def log(self, model: Any, fold: Any, context: Any) -> Any:
        log = StageLog(context.metric)
        for stage in (model.stage, model.stage + 1):
            log.add(stage, model.predict(fold.X_valid, stage))
        return (log,)


class TunesATemperature(Staged):
    """Learns from the rows that score it how sure to be of each stage."""

    def log(self, model: Any, fold: Any, context: Any) -> Any:
        model.factor = 1.0 + 0.1 * self.best(model, fold, context)
        return super().log(model, fold, context)


class GoesOnToTheEnd(Staged):
    """Is not told anything."""

    def end(self, told: Any) -> int:
        return N_STAGES


class LogsIfItGained(Staged):
    def log(self, model: Any, fold: Any, context: Any) -> Any:
        return super().log(model, fold, context) if model.stage > 1 else ()


class Inner(ScoredAtItsOwnBest):
    """Stops by rows that the search draws from its training rows."""

    early_stopping = "inner"


class InnerForNothing(Honest):
    """Is given rows to stop by, and does not look at them."""

    early_stopping = "inner"


class NeedsRowsToStopBy(Honest):
    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        assert len(fold.y_valid)
        return super().fit(params, fold, context, report)


class StopsSomehow(Honest):
    early_stopping = "somehow"  # type: ignore[assignment]


class StagedPack(Staged, Packed):
    """Stops early, each fit of a pack by itself."""


class TunesInAPack(TunesATemperature, Packed):
    """The same in a pack."""


def notices(family: ModelFamily, test: str, task: Task, tmp_path: Path) -> bool:
    case = type("Case", (FamilyTestCase,), {"family": family})()
    arguments: dict[str, Any] = {"task": task, "tmp_path": tmp_path}
    wanted = getattr(FamilyTestCase, test).__code__.co_varnames
    count = getattr(FamilyTestCase, test).__code__.co_argcount
    chosen = {n: v for n, v in arguments.items() if n in wanted[:count]}
    try:
        getattr(case, test)(**chosen)
    except pytest.skip.Exception:
        return False
    except (AssertionError, ValueError, pytest.fail.Exception):
        return True
    return False


TOLD = "test_a_fit_without_validation_rows_ends_at_the_stages_that_are_told"
HONEST = "test_validation_targets_do_not_change_what_they_score"
WEIGHED = "test_validation_targets_with_weights_do_not_change_what_they_score"
FEW = "test_few_validation_targets_do_not_change_what_they_score"
MUTANTS = [
    (BadName, "test_name_and_kinds_are_valid"),
    (NoMemory, "test_resources_are_positive"),
    (MutteredReason, "test_reasons_not_to_be_tried_are_sentences"),
    (NotJSON, "test_params_survive_json"),
    (OutsidePortfolio, "test_portfolio_is_complete_and_inside_the_space"),
    (IncompletePortfolio, "test_portfolio_is_complete_and_inside_the_space"),
    (NoSum, "test_predictions_have_the_right_shape"),
    (WrongShape, "test_predictions_have_the_right_shape"),
    (NaNs, "test_any_point_of_the_space_can_be_fitted"),
    (NaNs, "test_one_column_is_enough"),
    (NaNs, "test_constant_columns_do_no_harm"),
    (Honest, "test_it_beats_the_prior"),
    (Unseeded, "test_the_same_seed_gives_the_same_model"),
    (Remembers, "test_the_same_seed_gives_the_same_model"),
    (Pickles, "test_saved_and_loaded_it_predicts_the_same"),
    (Rounds, "test_saved_and_loaded_it_predicts_the_same"),
    (ForgetsClasses, "test_a_class_may_be_missing_in_the_training_rows"),
    (RefusesWeights, "test_weights_are_taken"),
    (ForgetsWeights, "test_a_row_of_weight_three_counts_as_the_row_three_times"),
    (Writes, "test_read_only_memory_maps_are_taken"),
    (Late, "test_it_ends_by_itself_near_the_deadline"),
    (LooksAndGoesOn, "test_it_ends_by_itself_near_the_deadline"),
    (Hangs, "test_it_ends_by_itself_near_the_deadline"),
    (StepsBack, "test_reports_count_up_and_pruning_passes"),
    (Swallows, "test_reports_count_up_and_pruning_passes"),
    (NoFidelity, "test_reports_count_up_and_pruning_passes"),
    (Peeks, "test_a_random_target_cannot_be_predicted"),
    (Peeks, "test_a_random_target_of_copied_rows_cannot_be_predicted_for_other_rows"),
    (PeeksWhereRowsAreNumbered, "test_a_row_number_brings_no_gain"),
    (Honest, "test_a_copy_of_the_target_is_found"),
    (RefitsToNothing, "test_one_model_of_all_rows_stands_for_those_of_the_folds"),
    (GoesOnToTheEnd, TOLD),
    (RefitsWorse, "test_a_refit_predicts_new_rows_no_worse_than_the_models_of_the_folds"),
    (HidesThatTimeWasUp, "test_a_refit_that_the_clock_cuts_short_is_not_offered"),
    (InSample, "test_out_of_bag_predictions_stand_for_rows"),
    (LosesParams, "test_each_params_is_in_one_pack"),
    (ShrinksWhenPacked, "test_a_larger_pack_takes_no_less"),
    (MixesFolds, "test_members_of_a_pack_become_what_they_become_alone"),
    (PrunesAll, "test_a_member_that_is_pruned_ends_alone"),
    (StopsSomehow, "test_its_way_to_stop_early_is_known"),
    *[
        (mutant, test)
        for mutant in (
            ScoredAtItsOwnBest,
            SaysThatItDoesNotLook,
            LogsWhatWasCut,
            LogsGoodStages,
            TunesATemperature,
            LogsIfItGained,
        )
        for test in (HONEST, WEIGHED, FEW)
    ],
    (TunesInAPack, "test_validation_targets_of_a_pack_do_not_change_what_they_score"),
    (NeedsRowsToStopBy, "test_it_fits_on_what_the_search_shows_it"),
    (InnerForNothing, "test_rows_kept_to_stop_by_are_of_use"),
]
BREAKS_BY_ITSELF = {
    "test_it_beats_the_prior",
    "test_a_copy_of_the_target_is_found",
    "test_out_of_bag_predictions_stand_for_rows",
}


@pytest.mark.parametrize(("mutant", "test"), MUTANTS, ids=lambda v: getattr(v, "__name__", v))
def test_the_suite_notices_what_is_broken(
    mutant: type[ModelFamily], test: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automl.testing.deadlines.HANGING_S", 0.5)
    assert notices(mutant(), test, Task.BINARY, tmp_path)


@pytest.mark.parametrize("test", sorted({test for _, test in MUTANTS} - BREAKS_BY_ITSELF))
@pytest.mark.parametrize("task", list(Task))
def test_the_suite_passes_what_is_sound(task: Task, test: str, tmp_path: Path) -> None:
    for family in (Packed(), Refits()):
        assert not notices(family, test, task, tmp_path)


@pytest.mark.parametrize("test", sorted(name for name in dir(Honesty) if name.startswith("test_")))
@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("family", [StagedPack, Inner])
def test_the_suite_passes_what_stops_early_and_is_honest(
    family: type[ModelFamily], task: Task, test: str, tmp_path: Path
) -> None:
    assert not notices(family(), test, task, tmp_path)


@pytest.mark.parametrize("task", list(Task))
def test_the_suite_passes_what_ends_where_it_is_told_to(task: Task, tmp_path: Path) -> None:
    assert not notices(Staged(), TOLD, task, tmp_path)


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("mutant", [ScoredAtItsOwnBest, LogsWhatWasCut, TunesATemperature])
def test_dishonest_levels_and_classes_are_noticed(
    mutant: type[ModelFamily], task: Task, tmp_path: Path
) -> None:
    assert notices(mutant(), HONEST, task, tmp_path)


def test_a_family_that_is_kept_from_rows_for_nothing_is_told_what_to_declare() -> None:
    case = type("Case", (FamilyTestCase,), {"family": InnerForNothing()})()
    with pytest.raises(pytest.fail.Exception, match='declare early_stopping = "none"'):
        case.test_rows_kept_to_stop_by_are_of_use()


@pytest.mark.parametrize(
    "family", [InTime(), InTimeByAnotherClock()], ids=lambda f: type(f).__name__
)
def test_a_fit_may_mind_its_deadline_by_either_clock(family: Honest, tmp_path: Path) -> None:
    assert not notices(family, "test_it_ends_by_itself_near_the_deadline", Task.BINARY, tmp_path)


def test_importing_a_heavy_library_at_the_top_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy_family.py").write_text("import sklearn\nclass Heavy: pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    class Heavy(Honest):
        preload = ("sklearn.tree",)

    Heavy.__module__ = "heavy_family"
    assert notices(Heavy(), "test_importing_it_is_light", Task.BINARY, tmp_path)
