"""A contract drafted from a table that nobody has described yet."""
