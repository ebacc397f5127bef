"""What git and DVC hold of this repository: revisions, the plan, restricted paths."""
