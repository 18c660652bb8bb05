from automl.scheduling.devices.pool import BlockingResource
from automl.tuning.loop.stalled_trials import StalledTrials

CORES, GPU = BlockingResource.CORES, BlockingResource.GPU


def test_nobody_is_due_before_a_minute_of_waiting_for_the_same_thing():
    waiting = StalledTrials()
    waiting.update({"a-0": GPU}, 0.0)
    assert waiting.due(59.0) == []
    waiting.update({"a-0": CORES}, 59.0)
    assert waiting.due(118.0) == []
    assert waiting.due(119.0) == [("a-0", CORES)]


def test_who_got_what_it_waited_for_begins_anew():
    waiting = StalledTrials()
    waiting.update({"a-0": GPU}, 0.0)
    waiting.update({}, 30.0)
    waiting.update({"a-0": GPU}, 40.0)
    assert waiting.due(80.0) == []
    assert waiting.due(100.0) == [("a-0", GPU)]


def test_each_thing_is_spoken_of_once_a_minute_and_different_things_side_by_side():
    waiting = StalledTrials()
    waiting.update({"a-0": GPU, "b-0": GPU, "c-0": CORES}, 0.0)
    assert waiting.due(60.0) == [("a-0", GPU), ("c-0", CORES)]
    assert waiting.due(119.0) == []
    assert waiting.due(120.0) == [("b-0", GPU)]


def test_a_trial_is_not_spoken_of_twice_for_the_same_thing():
    waiting = StalledTrials()
    waiting.update({"a-0": GPU}, 0.0)
    assert len([1 for now in range(1000) if waiting.due(float(now))]) == 1
