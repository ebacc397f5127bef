"""SeaweedFS, started by the code that `quickstack storage start` runs, in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quickstack.runtime.storage import server

from . import S3Server


@contextmanager
def running() -> Iterator[S3Server]:
    """Start SeaweedFS; end it and remove its folder afterwards."""
    with tempfile.TemporaryDirectory(prefix="seaweedfs-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        try:
            info = server.start(root, timeout=1200)
            yield S3Server("seaweedfs", info.endpoint, info.access_key, info.secret_key, root)
        finally:
            server.stop(root)
