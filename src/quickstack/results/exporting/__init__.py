"""Tables, page and manifest for people who never see the pipeline."""
