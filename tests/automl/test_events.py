"""Events are values: they can be compared, kept, logged, and not changed."""

import dataclasses
import inspect
import json

import pytest

from automl import events
from automl.events import EnsembleUpdated, FamilyCounts, Progress
from automl.store.log import append_log
from automl.store.run_dir import RunDir

ALL = [getattr(events, name) for name in events.__all__ if name != "Event"]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_kind_of_event_is_a_frozen_value(kind):
    assert inspect.isclass(kind)
    assert dataclasses.is_dataclass(kind)
    values = dict.fromkeys((f.name for f in dataclasses.fields(kind)), 0)
    event = kind(**values)
    assert event == kind(**values)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, next(iter(values)), 1)


def test_what_happens_in_a_search_can_be_logged_and_read_back(tmp_path, make_scene, make_family):
    def answer(scene, job):
        return scene.failed(job) if job.spec.number == 1 else scene.done(job)

    scene = make_scene([make_family("a")], trials=4, answer=answer)
    happened = [e for e in scene.search() if not isinstance(e, Progress)]
    run = RunDir(tmp_path)
    for event in happened:
        append_log(run, type(event).__name__, dataclasses.asdict(event))
    lines = [json.loads(line) for line in run.log.read_text().splitlines()]
    assert [line["event"] for line in lines] == [type(e).__name__ for e in happened]
    for line, event in zip(lines, happened, strict=True):
        told = dataclasses.asdict(event)
        if "folds" in told:  # keys of JSON are texts
            told["folds"] = {str(fold): score for fold, score in told["folds"].items()}
        assert {k: line[k] for k in told} == told


def test_progress_counts_every_trial_once(make_scene, make_family):
    scene = make_scene([make_family("a"), make_family("b")], trials=6)
    told = [e for e in scene.search() if isinstance(e, Progress)]
    last = told[-1].families
    assert list(last) == ["a", "b"]
    assert sum(c.complete + c.pruned + c.failed + c.running for c in last.values()) == 6
    assert sum(c.running for c in last.values()) == 0
    assert all(isinstance(c, FamilyCounts) for c in last.values())
    assert told[-1].best_trial in scene.incumbent.oof.complete


def test_the_ensemble_that_is_told_is_the_one_on_disk(make_scene, make_family):
    scene = make_scene([make_family("a")], trials=6)
    told = [e for e in scene.search() if isinstance(e, EnsembleUpdated)]
    assert told[-1].weights == scene.incumbent.current.weights
    assert told[-1].score == scene.incumbent.current.score
