"""Put a run where its readers look: whole, checked, dated, and taken back by one command."""
