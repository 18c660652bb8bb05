"""``automl inspect``: shows the inferred kinds of the columns of a table, and why."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.cli.data_options import config_options, given_options
from automl.cli.output import check_stdout
from automl.cli.parser import Parser, UsageError, one_word, split_data_and_overrides
from automl.cli.stdin import readable, where_from

if TYPE_CHECKING:
    from automl.config.schema import SearchConfig
    from automl.data import Description

__all__ = ["parser", "run"]

_UNUSED = ("quantiles", "metric", "time_s", "trials", "preset", "seed", "search.gap")
"""Options of a search that do not affect the output."""
_MAX_COLUMNS = 100


def parser() -> Parser:
    """The options of the verb."""
    parser = Parser(
        "inspect",
        "DATA [options] [data.key=value ...]",
        "Reads a table as a search would and shows the target and the kind of every column with\n"
        "the reason. If a kind is wrong, override it: data.kinds={zip: categorical}\n"
        "data.drop=[id] data.delimiter=';' data.missing=['?']; this works for search too.\n"
        "DATA may be - for standard input.",
        (
            "automl inspect data.csv",
            "automl inspect data.csv --target price",
            "automl inspect data.csv 'data.kinds={zip: categorical}'",
        ),
    )
    config_options(parser, without=_UNUSED)
    parser.option(
        "--all",
        action="store_true",
        help=f"list all columns, even more than {_MAX_COLUMNS}",
    )
    parser.common_options()
    return parser


def run(verb: Parser, options: Namespace, words: list[str]) -> int:
    """Runs the verb.

    Raises:
        AutoMLError: The table cannot be read, or a setting or the target is invalid.
    """
    data_words, overrides = split_data_and_overrides(words)
    data = one_word(verb, data_words, "DATA", overrides=True)
    config = _config(given_options(options), overrides)
    with readable(data) as path:
        check_stdout(path)
        found = _describe(path, config)
    if path != data:
        found = replace(found, where=where_from(data))
    from automl.cli.display.console import make_console
    from automl.cli.display.description import print_description

    limit = None if options.all else _MAX_COLUMNS
    print_description(make_console(sys.stdout), found, limit)
    return 2 if found.problem else 0


def _describe(path: str, config: SearchConfig) -> Description:
    from automl.config.read_options import read_options
    from automl.data import describe_table
    from automl.plugin.task import Task

    return describe_table(
        path,
        read_options(config),
        config.target,
        None if config.task is None else Task(config.task),
        group=config.group,
        time_column=config.time_column,
        folds_column=config.folds_column,
        weight=config.weight,
    )


def _config(given: Mapping[str, Any], overrides: Sequence[str]) -> SearchConfig:
    """Returns the configuration of a search with the same options and settings."""
    other = next((o for o in overrides if not o.lstrip("+~").startswith(("data.", "data="))), None)
    if other is not None:
        raise UsageError(f"{other!r} does not affect how a table is read: use data.* settings only")
    if overrides:
        from automl.config.compose import compose_config
        from automl.registry import Registry

        return compose_config(overrides, given, Registry()).config
    from automl.config.schema import SearchConfig
    from automl.config.validate import with_values

    return with_values(SearchConfig(), given)
