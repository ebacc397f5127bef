"""Reads raw rows of every format: the one place that opens and parses raw data."""
