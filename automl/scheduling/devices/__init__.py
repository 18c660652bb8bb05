"""CPU cores, memory and GPUs: detection, capacity and leases."""
