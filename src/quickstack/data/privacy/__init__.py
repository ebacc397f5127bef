"""Keyed pseudonyms for personal values."""
