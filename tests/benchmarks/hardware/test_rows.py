import json

import pytest

from benchmarks.hardware.row import ALL, NONE, PEER, SEARCH, Choices, identity
from benchmarks.hardware.rows import ROWS


def identities(name):
    return [identity(unit.kind, unit.key) for unit in ROWS[name].units(Choices())]


@pytest.mark.parametrize("name", ROWS)
def test_every_unit_is_unique_and_can_be_kept_as_json(name):
    units = ROWS[name].units(Choices())
    assert units
    assert len(set(identities(name))) == len(units)
    assert all(json.loads(json.dumps(unit.key)) == unit.key for unit in units)


def test_rows_share_searches():
    minute = set(identities("families"))
    assert minute == set(identities("busy-gpu")) == set(identities("busy-cpu"))
    assert minute < set(identities("heldout-gpu"))
    assert set(identities("heldout-gpu")) & set(identities("cores"))


def test_the_gpu_is_compared_with_none_and_with_two_cores():
    units = ROWS["heldout-gpu"].units(Choices())
    found = {(unit.key["cores"], unit.key["gpus"]) for unit in units}
    assert found == {(ALL, ALL), (ALL, NONE), (2, NONE)}
    assert len(units) == 9


def test_many_cores_are_compared_on_five_tables_with_two_and_with_four_times_as_long():
    units = ROWS["cores"].units(Choices())
    found = {(unit.key["cores"], unit.key["time_s"]) for unit in units}
    assert found == {(ALL, 60.0), (2, 60.0), (2, 240.0)}
    assert {unit.key["gpus"] for unit in units} == {NONE}
    assert len(units) == 15


def test_both_checkouts_take_turns_on_four_tables_and_two_seeds():
    states = [unit.key["state"] for unit in ROWS["long"].units(Choices())]
    assert states == ["this", "before", "before", "this"] * 4
    alone = ROWS["long"].units(Choices(has_before=False))
    assert {unit.key["state"] for unit in alone} == {"this"}
    assert len(alone) == 8


def test_the_other_system_has_ten_times_as_long_on_ten_tables():
    units = ROWS["against"].units(Choices())
    times = {kind: {u.key["time_s"] for u in units if u.kind == kind} for kind in (SEARCH, PEER)}
    assert times == {SEARCH: {60.0}, PEER: {600.0}}
    assert len({unit.key["table"] for unit in units}) == 10


def test_other_tables_and_shorter_searches_are_other_units():
    few = ROWS["cores"].units(Choices(tables=("penguins",), time_s=5))
    assert [unit.key["time_s"] for unit in few] == [5.0, 5.0, 20.0]
    assert {unit.key["table"] for unit in few} == {"penguins"}
    assert not set(identities("cores")) & {identity(u.kind, u.key) for u in few}
