"""The problem: data, split plan, metric, and the families that take it."""
