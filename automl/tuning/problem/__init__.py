"""The problem: data, split plan, metric, and the families that support it."""
