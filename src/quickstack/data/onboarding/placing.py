"""Put files, contract and the name of the data set where the pipeline looks for them."""

from __future__ import annotations

import filecmp
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quickstack.data.onboarding.drafting import Draft
from quickstack.data.onboarding.layout import file_ending, pattern_of
from quickstack.data.onboarding.writing import contract_text
from quickstack.data.privacy.pseudonym_keys import add_key, epochs, own_key
from quickstack.facts.contract import load_contract
from quickstack.facts.errors import DataError, ParameterError
from quickstack.facts.files import whole_file, write_text
from quickstack.facts.formats import bare_name
from quickstack.facts.paths import PARAMS, RAW, contract_path


@dataclass(frozen=True)
class Place:
    """Where a data set goes.

    Attributes
    ----------
    given
        The path that was named, absolute.
    inside
        Whether it lies in the folder of the data set already.
    """

    root: Path
    dataset: str
    given: Path
    inside: bool

    @property
    def folder(self) -> Path:
        """The folder of its raw data."""
        return self.root / RAW / self.dataset

    @property
    def contract(self) -> Path:
        """Its contract."""
        return self.root / contract_path(self.dataset)


def place_of(root: Path, path: Path, name: str | None) -> Place:
    """Return where the data at a path go, and the name of their set.

    Raises
    ------
    ParameterError
        Where the name cannot be one.
    """
    given = path.resolve()
    raw = (root / RAW).resolve()
    if raw in given.parents:
        inner = given.relative_to(raw).parts
        if len(inner) > 1 or given.is_dir():
            if name not in (None, inner[0]):
                raise ParameterError(
                    f"the files lie in {RAW.as_posix()}/{inner[0]}, so the data set is "
                    f"'{inner[0]}'",
                    fix="leave --name out, or move the files",
                )
            return Place(root, inner[0], given, True)
    named = name or _name_of(given)
    if not re.fullmatch(r"[\w-]+", named):
        raise ParameterError(
            f"'{named}' cannot name a data set", fix="use letters, digits, _ and -: --name sales"
        )
    return Place(root, named, given, False)


def _name_of(path: Path) -> str:
    plain = unicodedata.normalize("NFC", path.name if path.is_dir() else bare_name(path.name))
    return re.sub(r"[^\w]+", "_", plain).strip("_").lower() or "table"


def require_free(place: Place, *, replace: bool) -> None:
    """Refuse to write over a contract.

    Raises
    ------
    DataError
    """
    if place.contract.exists() and not replace:
        raise DataError(
            "there is a contract of this name",
            where=_shown(place.contract, place.root),
            fix="call this with --replace to write it anew, or with --name",
        )


def put(place: Place, files: Sequence[Path], draft: Draft) -> list[str]:
    """Copy the files, write the contract, choose the data set, and make a key where one is needed.

    Nothing is written where the contract would not load. Returns a line for each thing done.

    Raises
    ------
    DataError
        Where another file has the place of one.
    """
    targets = _targets(place, files)
    text = contract_text(draft, _pattern(place, targets))
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / place.contract.name
        write_text(trial, text)
        load_contract(trial)
    done = []
    copied = [
        (source, there)
        for source, there in zip(files, targets, strict=True)
        if source.resolve() != there
    ]
    for source, there in copied:
        if there.exists() and not filecmp.cmp(source, there, shallow=False):
            raise DataError(
                "another file has this name",
                where=_shown(there, place.root),
                fix="choose another --name, or remove that file",
            )
    for source, there in copied:
        with whole_file(there) as temporary:
            shutil.copyfile(source, temporary)
    if copied:
        done.append(
            f"copied {len(copied)} file{'s' * (len(copied) > 1)} to "
            f"{_shown(place.folder, place.root)}"
        )
    write_text(place.contract, text)
    done.append(
        f"wrote {_shown(place.contract, place.root)}: {len(draft.columns)} columns, "
        f"{draft.rows:,} rows, to predict {draft.custom['target']} ({draft.custom['task']})"
    )
    if draft.needs_key and not epochs(place.root) and own_key() is None:
        made = add_key(place.root, first=True)
        done.append(
            f"made key {made.fingerprint} for pseudonyms in {_shown(made.path, place.root)}; "
            "git ignores it. Keep a copy in your team's password manager"
        )
    if _choose(place):
        done.append(f"set `dataset: {place.dataset}` in params.yaml")
    return done


def _targets(place: Place, files: Sequence[Path]) -> list[Path]:
    if place.inside:
        return [file.resolve() for file in files]
    base = place.given if place.given.is_dir() else place.given.parent
    return [place.folder / file.resolve().relative_to(base) for file in files]


def _pattern(place: Place, targets: Sequence[Path]) -> str:
    """Return the contract's path: a pattern, or one file among others."""
    inner = [
        path.relative_to(place.folder.resolve() if place.inside else place.folder)
        for path in targets
    ]
    folder = f"{RAW.as_posix()}/{place.dataset}"
    others = {
        p.resolve()
        for p in place.folder.rglob("*")
        if p.is_file() and file_ending(p) == file_ending(targets[0])
    }
    if len(targets) == 1 and others - {targets[0].resolve()}:
        return f"{folder}/{inner[0].as_posix()}"
    return pattern_of(inner, folder)


def _choose(place: Place) -> bool:
    """Set the data set in params.yaml, and leave all else as it is written."""
    path = place.root / PARAMS
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^(dataset:[ \t]*)(\S+)", lambda m: m[1] + place.dataset, text, count=1)
    if changed != text:
        write_text(path, changed)
    return changed != text


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
