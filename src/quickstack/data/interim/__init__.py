"""Reads the clean tables that ingest left."""
