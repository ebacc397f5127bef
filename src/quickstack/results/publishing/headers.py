"""What a web server tells of a published file, and the page that leads to the newest run."""

from __future__ import annotations

import mimetypes
from pathlib import Path

#: A run never changes; the pointer is asked for each time.
FOREVER, ALWAYS_ASK = "max-age=31536000, immutable", "no-cache"
_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".sql": "text/plain; charset=utf-8",
    ".tmdl": "text/plain; charset=utf-8",
}
#: Leads to the newest page; it asks for the pointer itself, so it need not change with it.
ENTRY_PAGE = """\
<!doctype html><meta charset="utf-8"><title>The newest run</title>
<p id="to">Looking for the newest run. This needs a script; without it, open current.json.</p>
<script>
fetch("current.json", {cache: "no-cache", credentials: "same-origin"})
  .then(answer => answer.json())
  .then(pointer => location.replace(pointer.path + "index.html"))
  .catch(() => { document.getElementById("to").textContent = "The newest run was not found."; });
</script>
"""


def content_type(path: str) -> str:
    """Return the content type of a file by its suffix."""
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return _TYPES.get(Path(path).suffix.lower(), guessed)
