"""S3 on this machine: the local server, DVC's private configuration, and remotes tried out."""
