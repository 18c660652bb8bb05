"""All rows of the table by name, each with its units and its bars."""

from __future__ import annotations

from benchmarks.hardware import verdicts
from benchmarks.hardware.row import (
    ALL,
    IMAGES_S,
    NONE,
    PACK,
    PEER,
    STEPS,
    Choices,
    Row,
    Unit,
    search_unit,
)

__all__ = ["ROWS"]

HOUSING = "california_housing"
HELD_OUT = ("letter", HOUSING, "adult")
CORES = ("letter", HOUSING, "adult", "diamonds", "phoneme")
LONG = ("phoneme", "soybean", "ames_housing", "adult")
AGAINST = (*CORES, "ames_housing", "soybean", "spambase", "melbourne_airbnb", "vehicle")
IMAGES = ("digits_images",)
FEW = 2
"""Cores of a small machine."""

NETS_LIMIT_S = 240.0
PEER_TIME_S = 600.0
PEER_LIMIT_S = 1900.0
"""Three budgets and a minute, after which ``benchmarks.series`` kills a system, and a little."""


def _steps(choices: Choices) -> list[Unit]:
    (table,) = choices.tables[:1] or (HOUSING,)
    key = {"table": table, "family": "mlp", "params": 8, "folds": 5, "epochs": 5}
    return [Unit(STEPS, key, NETS_LIMIT_S)]


def _members(choices: Choices) -> list[Unit]:
    (table,) = choices.tables[:1] or (HOUSING,)
    key = {"table": table, "params": 4, "folds": 5, "epochs": 4}
    names = ("mlp", *verdicts.MEMBERS_PER_S)
    return [Unit(PACK, {**key, "family": name}, NETS_LIMIT_S) for name in names]


def _short(choices: Choices) -> list[Unit]:
    time_s = choices.seconds(20, 20)
    return [search_unit(table, time_s) for table in choices.tables or (HOUSING,)]


def _minute(choices: Choices) -> list[Unit]:
    time_s = choices.seconds(60, 60)
    return [search_unit(table, time_s) for table in choices.tables or HELD_OUT]


def _held_out(choices: Choices) -> list[Unit]:
    time_s = choices.seconds(60, 60)
    return [
        search_unit(table, time_s, cores=cores, gpus=gpus)
        for table in choices.tables or HELD_OUT
        for cores, gpus in ((ALL, ALL), (ALL, NONE), (FEW, NONE))
    ]


def _cores(choices: Choices) -> list[Unit]:
    return [
        search_unit(table, choices.seconds(own_s, 60), cores=cores, gpus=NONE)
        for table in choices.tables or CORES
        for cores, own_s in ((ALL, 60), (FEW, 60), (FEW, 240))
    ]


def _images(choices: Choices) -> list[Unit]:
    time_s = choices.seconds(60, 60)
    return [search_unit(table, time_s, predict_s=IMAGES_S) for table in choices.tables or IMAGES]


def _long(choices: Choices) -> list[Unit]:
    """From table to table and seed to seed another checkout goes first."""
    states = ("before", "this") if choices.has_before else ("this",)
    time_s = choices.seconds(300, 300)
    pairs = [(table, seed) for table in choices.tables or LONG for seed in (0, 1)]
    return [
        search_unit(table, time_s, cores=FEW, gpus=NONE, seed=seed, state=state)
        for place, (table, seed) in enumerate(pairs)
        for state in (states if place % 2 else states[::-1])
    ]


def _against(choices: Choices) -> list[Unit]:
    time_s = choices.seconds(60, 60)
    units = []
    for table in choices.tables or AGAINST:
        key = {"table": table, "time_s": PEER_TIME_S / 60 * time_s, "seed": 0}
        units += [
            search_unit(table, time_s),
            Unit(PEER, {**key, "system": AUTOGLUON}, PEER_LIMIT_S),
        ]
    return units


AUTOGLUON = "autogluon:best_quality"

ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("step", "a step of 40 nets", _steps, verdicts.judge_steps, needs_gpu=True),
        Row("members", "nets a second, in packs", _members, verdicts.judge_members, needs_gpu=True),
        Row("short", "20 s", _short, verdicts.judge_short),
        Row("families", "60 s: families of nets", _minute, verdicts.judge_families),
        Row("busy-gpu", "60 s: use of the GPU", _minute, verdicts.judge_busy_gpu, needs_gpu=True),
        Row("busy-cpu", "60 s: use of the cores", _minute, verdicts.judge_busy_cpu),
        Row("heldout-gpu", "60 s: rows apart", _held_out, verdicts.judge_held_out, needs_gpu=True),
        Row("cores", "many cores against two", _cores, verdicts.judge_cores),
        Row("images", "60 s: images", _images, verdicts.judge_images),
        Row("long", "300 s on two cores", _long, verdicts.judge_long),
        Row("against", "60 s against 600 s", _against, verdicts.judge_against, system=AUTOGLUON),
    )
}
"""In the order of the report."""
