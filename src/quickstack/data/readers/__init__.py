"""Reads raw rows of every format: the one location that opens and parses raw data."""
