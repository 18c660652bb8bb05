"""Tables: read once into Arrow, typed, described, and stored in the run directory."""

from automl.data.align import LabelledTable, load_features, load_labelled
from automl.data.describe.describe import Description, describe_table
from automl.data.load import load_dataset
from automl.data.options import ReadOptions
from automl.data.persist import fingerprint, open_dataset, read_schema, save_dataset
from automl.data.table import Column, Dataset, Table, Target

__all__ = [
    "Column",
    "Dataset",
    "Description",
    "LabelledTable",
    "ReadOptions",
    "Table",
    "Target",
    "describe_table",
    "fingerprint",
    "load_dataset",
    "load_features",
    "load_labelled",
    "open_dataset",
    "read_schema",
    "save_dataset",
]
