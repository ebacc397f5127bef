"""Erase a person from every version: find, remove, and keep a ledger without values."""
