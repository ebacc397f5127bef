"""Splits, features, candidates, fit, evaluation and the model file."""
