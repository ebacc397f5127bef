"""The place that readers look at: a folder, or a prefix in a bucket of S3.

It holds `current.json`, the pointer, and immutable `runs/<id>/`. `index.html` leads to the page of
the run that the pointer names. A bucket must be in S3: switching the pointer needs a write that
fails where somebody else has written meanwhile, and fsspec has none.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quickstack.facts.errors import StorageError
from quickstack.results.exporting.manifest import file_hash
from quickstack.runtime.stores.locking import process_lock
from quickstack.runtime.stores.object_stores import require_answer
from quickstack.runtime.stores.remotes import (
    CONFIG,
    SHARED,
    Remote,
    dvc_config,
    read_remote,
)
from quickstack.runtime.stores.s3 import PATIENT, S3Store

POINTER, ENTRY, RUNS = "current.json", "index.html", "runs"
#: The remote of `.dvc/config` that is the default.
REMOTE = "publish"
_SET = f"dvc remote add {REMOTE} s3://BUCKET/PREFIX, or a folder"
#: Where a folder's files are made; no reader looks there.
_WORKSHOP = ".publishing"
_PIECE = 1 << 20
#: A run never changes; the pointer is asked for each time.
_FOREVER, _ALWAYS_ASK = "max-age=31536000, immutable", "no-cache"
_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".sql": "text/plain; charset=utf-8",
    ".tmdl": "text/plain; charset=utf-8",
}
#: Leads to the newest page; it asks for the pointer itself, so it need not change with it.
_ENTRY_PAGE = """\
<!doctype html><meta charset="utf-8"><title>The newest run</title>
<p id="to">Looking for the newest run. This needs a script; without it, open current.json.</p>
<script>
fetch("current.json", {cache: "no-cache", credentials: "same-origin"})
  .then(answer => answer.json())
  .then(pointer => location.replace(pointer.path + "index.html"))
  .catch(() => { document.getElementById("to").textContent = "The newest run was not found."; });
</script>
"""

#: What the manifest says of a file: path, bytes, sha256.
FileFacts = dict[str, Any]
Sent = Callable[[int], None]


@dataclass(frozen=True)
class Seen:
    """The pointer as it was read: its bytes, None where there is none, and what tells a change."""

    body: bytes | None
    tag: str | None = None


class FolderPlace:
    """A folder on this machine or on a network drive."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def shown(self) -> str:
        """How messages name it: its path."""
        return str(self._path)

    def address(self, path: str) -> str:
        """Return the file's own path."""
        return str(self._path / path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the folder; what an interrupted publisher left half-made goes.

        Raises
        ------
        StorageError
            Where somebody else publishes there now.
        """
        workshop = self._path / _WORKSHOP
        busy = StorageError(
            "somebody publishes here at this moment", where=self.shown, fix="wait for it to end"
        )
        with process_lock(workshop / "lock", busy):
            for path in workshop.glob("*.tmp"):
                path.unlink()
            yield

    def read(self, path: str) -> bytes | None:
        """Return a small file; None where there is none."""
        try:
            return (self._path / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of a file; None where there is none."""
        try:
            return file_hash(self._path / path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder and their bytes."""
        root = self._path / folder
        return {
            path.relative_to(root).as_posix(): path.stat().st_size
            for path in root.rglob("*")
            if path.is_file()
        }

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether a file is there with its hash."""
        return self.digest(path) == facts["sha256"]

    def claim(self, path: str, source: Path, facts: FileFacts) -> bool:
        """Write a file that is not there yet; the lock keeps others away meanwhile."""
        if (self._path / path).parent.exists():
            return False
        self.put(path, source, facts, lambda _: None)
        return True

    def put(self, path: str, source: Path, facts: FileFacts, sent: Sent) -> None:
        """Copy a file under another name, then give it its own."""
        self._place(path, lambda temporary: shutil.copyfile(source, temporary))
        sent(facts["bytes"])

    def seen(self) -> Seen:
        """Read the pointer."""
        body = self.read(POINTER)
        return Seen(body, hashlib.sha256(body).hexdigest() if body is not None else None)

    def switch(self, body: bytes, seen: Seen) -> bool:
        """Replace the pointer in one rename, if it is still the one that was seen."""
        if self.seen() != seen:
            return False
        self._place(POINTER, lambda temporary: temporary.write_bytes(body))
        return True

    def lead_to(self, run_path: str) -> None:
        """Write `index.html`, which a browser opens without a server too."""
        text = (
            '<!doctype html><meta charset="utf-8"><title>The newest run</title>'
            f'<meta http-equiv="refresh" content="0; url={run_path}index.html">'
            f'<a href="{run_path}index.html">The newest run</a>\n'
        )
        self._place(ENTRY, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def _place(self, path: str, write: Callable[[Path], object]) -> None:
        """Make a file in the workshop, let it reach the disk, and rename it into its place."""
        target = self._path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(path.encode()).hexdigest()[:16]
        temporary = self._path / _WORKSHOP / f"{os.getpid()}-{name}.tmp"
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


class BucketPlace:
    """A prefix in a bucket of S3; `remote` holds its settings as DVC has them."""

    def __init__(self, remote: Remote) -> None:
        self.store = S3Store(remote, **PATIENT)

    @property
    def shown(self) -> str:
        """How messages name it: its address, `s3://bucket/prefix`."""
        return self.store.address

    def address(self, path: str) -> str:
        """Return the address of an object."""
        return f"{self.shown}/{path}"

    def alone(self) -> Any:
        """Lock nothing: S3 has no lock, the conditions of `claim` and `switch` do its work."""
        return nullcontext()

    def read(self, path: str) -> bytes | None:
        """Return a small object; None where there is none."""
        return self.store.use(path, lambda answer: bytes(answer["Body"].read()))

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of the bytes that a reader gets; None where there is no object."""

        def hashed(answer: Any) -> str:
            found = hashlib.sha256()
            for piece in answer["Body"].iter_chunks(_PIECE):
                found.update(piece)
            return found.hexdigest()

        return self.store.use(path, hashed)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the objects below a folder and their bytes."""
        prefix = folder.rstrip("/") + "/"
        listed = self.store.objects(prefix)
        return {key.removeprefix(prefix): facts.size for key, facts in listed.items()}

    def holds(self, path: str, facts: FileFacts) -> bool:
        """Return whether an object has the size, and the hash that was noted when it was sent.

        An object appears whole or not at all, so the note is true of its bytes.
        """
        head = self.store.head(path)
        return (
            head is not None
            and head["ContentLength"] == facts["bytes"]
            and head["Metadata"].get("sha256") == facts["sha256"]
        )

    def claim(self, path: str, source: Path, facts: FileFacts) -> bool:
        """Write an object that is not there yet; False where somebody else has written it."""
        headers = _headers(path, _FOREVER, facts["sha256"])
        return self.store.write(path, source.read_bytes(), headers, IfNoneMatch="*")

    def put(self, path: str, source: Path, facts: FileFacts, sent: Sent) -> None:
        """Upload a file, a large one in parts; it appears when the last part is there."""
        headers = _headers(path, _FOREVER, facts["sha256"])
        self.store.put(path, source, headers=headers, sent=sent)

    def seen(self) -> Seen:
        """Read the pointer and its ETag."""

        def both(answer: Any) -> Seen:
            return Seen(bytes(answer["Body"].read()), answer["ETag"].strip('"'))

        return self.store.use(POINTER, both) or Seen(None)

    def switch(self, body: bytes, seen: Seen) -> bool:
        """Replace the pointer if it is still the one that was seen, by one conditional PUT.

        RFC 9110 wants the ETag in quotes, and Ceph 16 matches it only without them.
        """
        headers = _headers(POINTER, _ALWAYS_ASK, hashlib.sha256(body).hexdigest())
        if seen.tag is None:
            conditions = [{"IfNoneMatch": "*"}]
        else:
            conditions = [{"IfMatch": tag} for tag in (seen.tag, f'"{seen.tag}"')]
        for condition in conditions:
            if self.store.write(POINTER, body, headers, **condition):
                return True
            now = self.seen()
            if now.body == body:  # the answer to our own request was lost, and it was sent again
                return True
            if now != seen:
                return False
        return False

    def lead_to(self, run_path: str) -> None:  # noqa: ARG002 - the page asks the pointer
        """Write `index.html` once; it looks the run up itself."""
        body = _ENTRY_PAGE.encode()
        if self.read(ENTRY) != body:
            self.store.write(ENTRY, body, _headers(ENTRY, _ALWAYS_ASK, ""))


#: Where readers look; paths are relative to it, with slashes.
ReadersPlace = FolderPlace | BucketPlace


def _headers(path: str, cache: str, digest: str) -> dict[str, Any]:
    """Return what a web server tells of a published file; its content type goes by its suffix."""
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return {
        "ContentType": _TYPES.get(Path(path).suffix.lower(), guessed),
        "CacheControl": cache,
        "Metadata": {"sha256": digest},
    }


def reach_place(root: Path, text: str | None) -> ReadersPlace:
    """Return a place of `open_place` that answers: publishing itself is patient."""
    place = open_place(root, text)
    if isinstance(place, BucketPlace):
        require_answer(place.store.remote)
    return place


def open_place(root: Path, text: str | None) -> ReadersPlace:
    """Return a place.

    Parameters
    ----------
    root
        The repository.
    text
        `s3://bucket/prefix`, a folder, or None for the remote `publish`. An address gets endpoint
        and keys from the remote that lies in the same bucket, otherwise from `publish`, otherwise
        from `storage`, and from the AWS variables where that sets none.

    Raises
    ------
    StorageError
        Where it is neither, or there is no default.
    """
    if text is None:
        return _default_place(root)
    if "://" not in text and not text.startswith("s3:"):
        return open_folder(Path(text), root)
    url = urlsplit(text)
    if url.scheme != "s3":
        raise _not_s3(url.scheme)
    if not url.netloc:
        raise StorageError(
            "this address names no bucket", where=text, fix="write it as s3://BUCKET/PREFIX"
        )
    return BucketPlace(_remote_of(root, url.netloc, url.path.strip("/"), text))


def _default_place(root: Path) -> ReadersPlace:
    if REMOTE not in dvc_config(root)["remote"]:
        raise StorageError(
            "where to publish is not said", where=str(CONFIG), fix=f"name the place, or: {_SET}"
        )
    remote = read_remote(root, REMOTE)
    if remote.scheme == "":
        return open_folder(Path(remote.settings["url"]), root)
    if remote.scheme != "s3":
        raise _not_s3(remote.scheme)
    return BucketPlace(remote)


def _not_s3(scheme: str) -> StorageError:
    return StorageError(
        f"a run cannot be published in {scheme}://, since its pointer is switched by a conditional "
        "write of S3",
        fix="give s3://BUCKET/PREFIX or a folder",
    )


def _remote_of(root: Path, bucket: str, prefix: str, text: str) -> Remote:
    urls = {name: urlsplit(str(one["url"])) for name, one in dvc_config(root)["remote"].items()}
    in_s3 = {name: url.netloc for name, url in urls.items() if url.scheme == "s3"}
    there = [name for name, netloc in in_s3.items() if netloc == bucket]
    for name in (*there, REMOTE, SHARED):
        if name in in_s3:
            return replace(read_remote(root, name), name=text, bucket=bucket, prefix=prefix)
    return Remote(text, bucket, prefix, {}, local_keys=False)


def open_folder(path: Path, root: Path) -> FolderPlace:
    """Return a folder as a place.

    Raises
    ------
    StorageError
        Where it lies in the repository, which publishing would then change.
    """
    path = path.expanduser().resolve()
    if root.resolve() in (path, *path.parents):
        raise StorageError(
            "this folder lies in the repository, and what is published there would change it",
            where=str(path),
            fix="name a folder outside; `quickstack preview` makes one to look at",
        )
    return FolderPlace(path)
