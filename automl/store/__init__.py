"""The run directory: its layout, and atomic writes of files and folders."""

from automl.store.files import read_json, write_atomic, write_json
from automl.store.run_dir import RunDir

__all__ = ["RunDir", "read_json", "write_atomic", "write_json"]
