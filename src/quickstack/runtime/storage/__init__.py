"""S3: the local server, the two remotes of DVC, and what is wrong when they do not answer."""
