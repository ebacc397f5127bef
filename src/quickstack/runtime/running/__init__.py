"""Runs a stage: its parameters, its record, a sentence where it fails."""
