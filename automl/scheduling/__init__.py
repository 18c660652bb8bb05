"""Devices, worker processes, and the executors that run fits on them."""
