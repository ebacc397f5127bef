"""What work runs on: the stage runtime, stores of objects, the repository, a local S3 server."""
