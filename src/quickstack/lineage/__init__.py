"""What a stage may read, and proof that it declared it."""
