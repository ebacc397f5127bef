"""What differs between two revisions: data, quality, parameters, metrics."""
