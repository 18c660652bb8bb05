"""Files that are no good tables, by a seed: each has to be a run, or an error one can act on."""
