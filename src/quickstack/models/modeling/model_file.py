"""The model file: a skops archive that runs no code on loading, with the same bytes every time.

skops names arrays after memory addresses and stamps the time on its members. Here both go: arrays
are numbered in their order of appearance (equal ones share a member), object ids, which only let
skops share equal objects, are left out, and every member has the same date. Members are stored and
not deflated, because zlib's output differs from build to build of Python; it also means that a file
cannot unpack to more than its own size.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from quickstack.facts.errors import ModelError
from quickstack.facts.files import whole_file
from quickstack.models.modeling.candidates import Pipeline, find_candidate
from quickstack.models.modeling.tree_bounds import require_bounded_trees

#: A larger file is refused before it is read.
MAX_BYTES = 512 * 2**20

_METADATA, _SCHEMA = "quickstack.json", "schema.json"
_AGAIN = "train it again with `dvc repro`, or fetch it with `dvc pull`"


@dataclass(frozen=True)
class Model:
    """A fitted pipeline and what `modeling.fit.describe` said about it, with its versions."""

    pipeline: Pipeline
    metadata: dict[str, Any]


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a model file depends on."""
    import numpy as np
    import sklearn
    import skops

    return {
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "skops": skops.__version__,
    }


def save_model(path: Path, pipeline: Pipeline, metadata: dict[str, Any]) -> None:
    """Write a model; its bytes depend on the pipeline, the metadata and the versions alone.

    Parameters
    ----------
    path
        The file, which appears whole or not at all.
    pipeline
        Fitted.
    metadata
        JSON-able; `versions` is added to it. `model` names the candidate.

    Raises
    ------
    ModelError
        Where the pipeline holds a type that its candidate does not declare.
    """
    import skops.io

    content = skops.io.dumps(pipeline)
    _require_declared(content, metadata["model"])
    with ZipFile(io.BytesIO(content)) as shipped:
        schema = json.loads(shipped.read(_SCHEMA))
        arrays: dict[bytes, str] = {}
        _make_canonical(schema, shipped, arrays)
    members = {
        _METADATA: _json({**metadata, "versions": versions()}),
        # Order is kept, not sorted: it is that of attributes, and skops pairs keys by position.
        _SCHEMA: json.dumps(schema, separators=(",", ":")).encode(),
        **{name: content for content, name in arrays.items()},
    }
    with whole_file(path) as temporary, ZipFile(temporary, "w") as archive:
        for name, content in members.items():
            member = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # as on POSIX, wherever it is written
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, compress_type=ZIP_STORED)


def load_model(path: Path) -> Model:
    """Read a model without running anything that stands in its file.

    Parameters
    ----------
    path
        As `save_model` wrote it.

    Raises
    ------
    ModelError
        Where the file is missing, too large, no archive of this library (a pickle for example),
        damaged, holds a tree that leads out of its arrays, names a type that its candidate does
        not declare, or comes from another version of scikit-learn; or the file in `src/models`
        that trained it is not here.
    """
    where = path.as_posix()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(
                f"the model file is larger than {MAX_BYTES // 2**20} MB",
                where=where,
                fix="train a smaller model, with fewer or smaller trees",
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError("there is no model file", where=where, fix=_AGAIN) from None
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            metadata = json.loads(archive.read(_METADATA))
            _require_same_versions(metadata["versions"], where)
            _require_sound(archive)
        pipeline = _load_trusted(content, metadata["model"], where)
        require_bounded_trees(pipeline)
        return Model(pipeline, metadata)
    except ModelError as error:
        raise error if error.where else ModelError(error.what, where=where, fix=_AGAIN) from None
    except BadZipFile:
        raise ModelError(
            "this is not a model file, or a damaged one; pickle and joblib files are never opened, "
            "because loading one runs the code inside",
            where=where,
            fix=_AGAIN,
        ) from None
    except Exception:  # a damaged archive can fail anywhere inside json, numpy or skops
        raise ModelError(
            "the model file is damaged, or not one of Quickstack", where=where, fix=_AGAIN
        ) from None


def _make_canonical(node: Any, shipped: ZipFile, arrays: dict[bytes, str]) -> None:
    """Drop object ids, and rename the arrays below a node of the schema, in place."""
    if isinstance(node, list):
        for item in node:
            _make_canonical(item, shipped, arrays)
    elif isinstance(node, dict):
        node.pop("__id__", None)
        if "__loader__" in node and isinstance(node.get("file"), str):
            content = shipped.read(node["file"])
            node["file"] = arrays.setdefault(content, f"{len(arrays)}.npy")
        for item in node.values():
            _make_canonical(item, shipped, arrays)


def _require_same_versions(written: dict[str, str], where: str) -> None:
    """Refuse another release of scikit-learn: private attributes mean other things in it."""
    theirs, ours = written["scikit-learn"], versions()["scikit-learn"]
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise ModelError(
            f"the model was fitted with scikit-learn {theirs}, and here is {ours}",
            where=where,
            fix="install requirements.txt, or train it again with `dvc repro`",
        )


def _require_sound(archive: ZipFile) -> None:
    """Refuse members that are compressed or damaged, and arrays that claim more than they hold."""
    import math

    from numpy.lib import format as npy

    for member in archive.infolist():
        if member.compress_type != ZIP_STORED:
            raise BadZipFile
        content = archive.read(member)  # checks its CRC-32
        if not member.filename.endswith(".npy"):
            continue
        stream = io.BytesIO(content)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, _, kind = read[npy.read_magic(stream)](stream)
        if kind.hasobject or math.prod(shape) * kind.itemsize != len(content) - stream.tell():
            raise BadZipFile


def _require_declared(content: bytes, model: str) -> None:
    """Refuse to write what `load_model` would refuse to read."""
    import skops.io

    candidate = find_candidate(model)
    found = sorted({*skops.io.get_untrusted_types(data=content)} - {*candidate.trusted_types})
    if found:
        raise ModelError(
            f"the model holds types that are not declared: {', '.join(found)}",
            where=candidate.where("TRUSTED_TYPES"),
            fix="add them to TRUSTED_TYPES if you trust the code behind them",
        )


def _load_trusted(content: bytes, model: str, where: str) -> Pipeline:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    trusted = find_candidate(model).trusted_types
    try:
        return skops.io.loads(content, trusted=trusted)
    except UntrustedTypesFoundException:
        found = sorted(set(skops.io.get_untrusted_types(data=content)) - set(trusted))
        raise ModelError(
            f"the model file holds types that are not trusted: {', '.join(found)}",
            where=where,
            fix="do not use it; " + _AGAIN,
        ) from None


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode()
