"""Profiles of the data, drift, performance over time and the verdict."""
