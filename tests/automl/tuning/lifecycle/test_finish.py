"""What is left to do when the search is over."""

import json

import pytest

from automl.config.schema import SearchConfig
from automl.errors import NoPredictorError
from automl.events import SearchFinished
from automl.leaderboard import read_board, render
from automl.store.manifest import write_manifest
from automl.tuning.lifecycle.finish import finish_run, require_predictor
from automl.tuning.problem.search_space import describe_space


def write_facts(scene):
    """The manifest of a search that has begun."""
    facts = {
        "status": "running",
        "started": "2026-01-02T03:04:05+00:00",
        "data": {"fingerprint": ""},
        "metric": {"name": "log_loss", "greater_is_better": False},
        "split": {"kind": scene.plan.kind},
        "objectives": scene.config.search.objectives,
        "limits": {},
        "families": {
            name: {"space": describe_space(*family)}
            for name, family in scene.controller.families.items()
        },
    }
    write_manifest(scene.run, facts)


def finished(make_scene, families, **options):
    """A search that is over, with a manifest and models on disk."""
    scene = make_scene(families, **{"trials": 5, **options})
    write_facts(scene)
    scene.run.encodings.mkdir()
    scene.search()
    for trial in scene.ledger.trials:
        for fold in trial.results:
            scene.run.model(trial.spec.trial_id, fold).mkdir(exist_ok=True)
    return scene


def models(scene):
    return {p.parent.parent.name for p in scene.run.trials.glob("*/fold-*/model")}


def test_leaderboard_and_manifest_tell_the_end(make_scene, make_family):
    scene = finished(make_scene, [make_family("a")])
    end = finish_run(scene.controller)
    manifest = json.loads(scene.run.manifest.read_text())
    assert (manifest["status"], manifest["stopped_by"]) == ("finished", "trials")
    assert scene.run.leaderboard.read_text() == render(read_board(scene.run), "csv")
    assert scene.run.studies.is_file()
    assert isinstance(end, SearchFinished)
    assert (end.n_complete + end.n_pruned, end.n_failed, end.failures) == (5, 0, ())
    assert (end.n_out_of_time, end.n_interrupted) == (0, 0)
    assert end.weights == scene.incumbent.current.weights
    assert end.run == str(scene.run.path)


@pytest.mark.parametrize("keep", ["all", "members"])
def test_models_are_kept_as_asked(make_scene, make_family, keep):
    config = SearchConfig()
    config.search.keep_models = keep
    scene = finished(make_scene, [make_family("a")], config=config)
    before = models(scene)
    end = finish_run(scene.controller)
    assert len(before) == 5
    assert models(scene) == (before if keep == "all" else set(end.weights))


def test_failures_are_counted_by_cause(make_scene, make_family):
    def answer(scene, job):
        return scene.failed(job) if job.spec.family == "bad" else scene.done(job)

    scene = finished(make_scene, [make_family("bad", 90), make_family("good")], answer=answer)
    end = finish_run(scene.controller)
    assert end.n_failed == end.failures[0][1] > 0
    assert end.failures[0][0] == "bad: no"


def test_without_a_model_the_causes_and_the_place_are_told(make_scene, make_family):
    scene = finished(
        make_scene,
        [make_family("bad")],
        answer=lambda scene, job: scene.failed(job, message="it is singular"),
    )
    end = finish_run(scene.controller)
    assert (end.ensemble_score, end.weights) == (None, {})
    assert scene.run.leaderboard.is_file()
    with pytest.raises(NoPredictorError, match="bad: it is singular") as error:
        require_predictor(end)
    assert str(scene.run.path) in str(error.value)


def test_a_search_that_is_stopped_before_its_first_model_says_so(make_scene, make_family):
    scene = make_scene([make_family("a")], time_s=100)
    write_facts(scene)
    scene.interrupted[0] = True
    scene.search()
    with pytest.raises(NoPredictorError, match="it was stopped before the first"):
        require_predictor(finish_run(scene.controller))


def test_a_predictor_is_all_that_is_required(make_scene, make_family):
    require_predictor(finish_run(finished(make_scene, [make_family("a")]).controller))


def test_a_family_that_was_stopped_is_told_at_the_end(make_scene, make_family):
    def answer(scene, job):
        return scene.failed(job) if job.spec.family == "bad" else scene.done(job)

    scene = finished(make_scene, [make_family("bad", 90), make_family("good")], answer=answer)
    (note,) = finish_run(scene.controller).notes
    assert note == "family bad got no more trials: it failed 3 times in the same way: no"


@pytest.mark.parametrize("n_late", [0, 1])
def test_that_one_family_predicts_alone_for_want_of_time_is_told_at_the_end(
    make_scene, make_family, n_late
):
    def answer(scene, job):
        late = job.spec.family != "quick"
        return None if late and n_late else scene.done(job)

    families = [make_family("quick", 90, choices=[0.5]), make_family("slow")]
    scene = finished(make_scene, families, answer=answer, trials=None, time_s=20)
    notes = finish_run(scene.controller).notes
    told = "quick predicts alone: no trial of slow finished in time; allow more with time_s"
    assert notes == (told,) * n_late


def test_drafts_of_workers_that_were_killed_are_removed(make_scene, make_family):
    scene = finished(make_scene, [make_family("a")])
    draft = scene.run.trial("a-0") / ".fold-0.123.draft"
    draft.mkdir()
    finish_run(scene.controller)
    assert not draft.exists()


def test_what_fits_have_kept_for_another_attempt_is_gone(make_scene, make_family):
    scene = finished(make_scene, [make_family("a")])
    scene.run.scratch("a-0", 1).mkdir()
    finish_run(scene.controller)
    assert scene.run.scratches == []
