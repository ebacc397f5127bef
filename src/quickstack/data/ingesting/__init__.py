"""From source files to clean, pseudonymous partitions: reading, checking, protecting."""
