"""When a trial, or one of its fits, stops early."""
