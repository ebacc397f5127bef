"""Proof and protection: verifying, scanning for leaks, erasing a person."""
