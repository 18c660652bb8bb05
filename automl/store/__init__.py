"""The run directory: where everything lies, and how it gets there whole."""

from automl.store.files import read_json, write_json, write_whole
from automl.store.run_dir import RunDir

__all__ = ["RunDir", "read_json", "write_json", "write_whole"]
