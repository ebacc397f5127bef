"""Damaged and odd files, each with what must become of it."""
