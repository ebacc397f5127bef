"""Whether a repository holds what it says: levels from a quick look to a whole second run."""
