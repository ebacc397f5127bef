"""Runs a stage: its own modules and parameters, its record, a sentence where it fails."""
