"""Nets and linear models that read the words of text columns."""
