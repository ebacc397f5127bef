"""Measures a model: intervals, curves, importance, segments, the model card."""
