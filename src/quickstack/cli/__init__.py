"""The `quickstack` command for people; stages never go through it."""
