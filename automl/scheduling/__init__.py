"""Where fits run: devices, worker processes, and the executor above them."""
