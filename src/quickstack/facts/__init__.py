"""What is known before anything runs: contract, parameters, errors, paths, files."""
