"""CPU cores, memory and GPUs: what there is, and who holds it."""
