"""Leak scan: searches everything that leaves this machine for personal values."""
