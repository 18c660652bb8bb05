"""The command line: one module a verb, imported when its verb is given."""

from automl.cli.app import main

__all__ = ["main"]
