"""The objects behind a revision's outputs: in DVC's cache, in the workspace, or fetched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import chdir
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from quickstack.runtime.repository.revisions import Revision
from quickstack.runtime.stores.remotes import SHARED

#: A pull that was killed makes the next one fetch a part only; the one after that completes.
ATTEMPTS = 3


@dataclass(frozen=True)
class RevisionObjects:
    """Where the bytes of outputs are.

    Attributes
    ----------
    offline
        Whether nothing may be fetched.
    """

    root: Path
    offline: bool = False

    @cached_property
    def cache(self) -> Path:
        """The folder of DVC's cache."""
        from quickstack.runtime.stores.remotes import cache_folder

        return cache_folder(self.root)

    def listing(self, revision: Revision, output: Path) -> dict[str, str] | None:
        """Return the MD5 of each file of an output that is a folder, by path inside it.

        Of a commit this is the `.dir` object, of the workspace what is there: DVC remembers the
        hash of a file that did not change, so that it is not read again.

        Returns
        -------
        dict or None
            Empty where the revision has no such output; None where it has, and it is nowhere.
        """
        if revision.commit is None:
            return self._here(output)
        found = self.listed(revision, output)
        if found is None:
            # For a file that is not there DVC brings the list alone.
            self.fetch(revision, [output / ".none"])
            found = self.listed(revision, output)
        return found

    def listed(self, revision: Revision, output: Path) -> dict[str, str] | None:
        """Return the same as `dvc.lock` or a `.dvc` file names it, from the cache alone."""
        md5 = revision.output(output)
        if md5 is None:
            return {}
        if not md5.endswith(".dir"):
            return {output.name: md5}
        try:
            entries = json.loads(self._place(md5).read_bytes())
        except (OSError, ValueError):
            return None
        return {entry["relpath"]: entry["md5"] for entry in entries}

    def files(
        self, revision: Revision, output: Path, wanted: dict[str, str]
    ) -> dict[str, Path | None]:
        """Return where the bytes of some files of an output are; None where they are nowhere."""
        if revision.commit is None:
            return {name: self.root / output / name for name in wanted}
        missing = [name for name, md5 in wanted.items() if not self._place(md5).is_file()]
        if missing:
            self.fetch(revision, [output / name for name in missing])
        places = {name: self._place(md5) for name, md5 in wanted.items()}
        return {name: place if place.is_file() else None for name, place in places.items()}

    def document(self, revision: Revision, output: Path) -> dict[str, Any] | None:
        """Return an output that is one JSON file; None where it is nowhere, or damaged."""
        place = self.root / output
        if revision.commit is not None:
            md5 = revision.output(output)
            if md5 is None:
                return None
            place = self._place(md5)
            if not place.is_file():
                self.fetch(revision, [output])
        try:
            return json.loads(place.read_bytes())
        except (OSError, ValueError):
            return None

    def fetch(self, revision: Revision, paths: Iterable[Path]) -> None:
        """Let DVC bring outputs, or files in them, from the shared remote to the cache.

        What does not come is found out by looking: the remote may lack it, or not answer.
        """
        if self.offline:
            return
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        targets = [path.as_posix() for path in paths]
        for _ in range(ATTEMPTS):
            try:
                # In a commit's files DVC finds targets by the path from the working directory only.
                with chdir(self.root), Repo(self.root) as repo:
                    repo.fetch(
                        targets=targets, remote=SHARED, revs=[revision.commit], workspace=False
                    )
                return
            except (DvcException, OSError):
                continue

    def unversioned(self, output: Path) -> list[str]:
        """Return the files of an output in the workspace that the cache does not hold."""
        return [name for name, md5 in self._here(output).items() if not self._place(md5).is_file()]

    def _here(self, output: Path) -> dict[str, str]:
        from dvc.fs import localfs
        from dvc.repo import Repo

        top = self.root / output
        files = sorted(p for p in top.rglob("*") if p.is_file()) if top.is_dir() else [top]
        found = {}
        with Repo(self.root) as repo:
            for file in files:
                if file.is_file():
                    known = repo.state.get(str(file), localfs)[1]
                    name = file.relative_to(top).as_posix()
                    found[name] = str(known.value) if known is not None else _md5(file)
        return found

    def _place(self, md5: str) -> Path:
        return self.cache / "files" / "md5" / md5[:2] / md5[2:]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
