"""Nets that learn from text columns, without anything learnt elsewhere."""
