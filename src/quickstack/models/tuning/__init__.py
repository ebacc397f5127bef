"""Search for better settings, n trials at a time, each of them an experiment of DVC."""
