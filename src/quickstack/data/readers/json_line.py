"""One line of JSON Lines as an object, strictly: what the standard leaves open is a mistake."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from quickstack.data.readers.row_parser import NO_TEXT, NUL

if TYPE_CHECKING:
    pass

_HALF = re.compile(r"[\ud800-\udfff]")


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class BrokenError(ValueError):
    """A line that cannot be used; its text is the reason."""


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the object that a line holds."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenError(NO_TEXT) from None
    try:
        entry = _DECODER.decode(text)
    except BrokenError:
        raise
    except json.JSONDecodeError as error:
        what = error.msg.partition(":")[0].removesuffix(" at").removesuffix(" starting")
        what = what[:1].lower() + what[1:]
        raise BrokenError(f"it is no JSON: {what}, at character {error.pos + 1}") from None
    except RecursionError:
        raise BrokenError("its values are nested too deeply") from None
    if not isinstance(entry, dict):
        raise BrokenError("it is no object of JSON")
    if "\\u" in text:
        _require_text(entry)
    return entry


def _require_text(value: Any) -> None:
    """Refuse what only an escape can smuggle in: NUL, and halves of a pair of surrogates."""
    text = written(value)
    if "\\u0000" in text:
        raise BrokenError(NUL)
    if _HALF.search(text):
        raise BrokenError("it holds half of a surrogate pair, which is no text")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BrokenError("it holds a key twice")
    return found


def _constant(name: str) -> Any:  # noqa: ARG001 - as the decoder calls it
    raise BrokenError("it holds a number that is not finite, which is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_constant
)


def written(value: Any) -> str:
    """Write a nested value as JSON, its numbers as they were."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
