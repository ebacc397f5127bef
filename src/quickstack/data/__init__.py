"""From raw data to clean tables: readers, landing, quality, privacy, ingesting, interim tables."""
