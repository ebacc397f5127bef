"""Brings outside data into `data/raw/<dataset>/` as a pinned snapshot, beside its record."""
