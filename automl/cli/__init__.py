"""The command line, with one module per verb."""

from automl.cli.app import main

__all__ = ["main"]
