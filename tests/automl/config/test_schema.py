"""What options declare, against what the rest of the package makes of it."""

import contextlib

import pytest

from automl.config.fields import config_keys, flagged
from automl.config.schema import KINDS, SECTIONS, TASKS, PrunerConfig, SamplerConfig
from automl.errors import MissingExtraError
from automl.plugin import ColumnKind, Task
from automl.tuning.propose.study import make_sampler
from automl.tuning.prune.rules import PRUNERS


def declared(key):
    return config_keys(())[key].declared


def test_names_that_stand_in_two_places_are_the_same():
    assert set(TASKS) == set(Task)
    assert set(KINDS) == set(ColumnKind)
    assert set(declared("pruner.name").choices) == set(PRUNERS)
    assert PrunerConfig().name in PRUNERS


@pytest.mark.parametrize("name", declared("sampler.name").choices)
def test_every_sampler_that_may_be_named_is_made(name):
    needs_extra = name in ("gp", "cmaes")
    with contextlib.suppress(*(MissingExtraError,) * needs_extra):
        assert make_sampler(SamplerConfig(name), seed=0)


@pytest.mark.parametrize("leaf", config_keys(()).values(), ids=config_keys(()))
def test_every_option_says_in_one_sentence_what_it_means(leaf):
    assert leaf.declared.help
    assert not leaf.declared.help.endswith(".")
    assert leaf.declared.section in ("", *SECTIONS)


def test_flags_are_distinct():
    flags = [leaf.flag for leaf in flagged()]
    assert len({*flags}) == len(flags)
