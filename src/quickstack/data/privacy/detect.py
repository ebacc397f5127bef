"""Find personal data in columns that were not declared to hold any: a backstop to the contract.

One RE2 pattern over all distinct values leaves the candidates; each is verified on its own, so that
the verdict on a value depends on the value and the column's name alone. No value is ever returned.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from quickstack.data.privacy import check_digits
from quickstack.data.privacy.column_names import KINDS, suspicious_name
from quickstack.data.privacy.recognise import (
    CARD_WORDS,
    NATIONAL_WORDS,
    PHONE_WORDS,
    holds,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_HEX = "[0-9A-Fa-f]"
_START, _END = r"(?:^|[^0-9A-Za-z.\-])", r"(?:[^0-9A-Za-z]|$)"
#: Wider than what `recognise` looks for, never narrower; RE2 reads them all in one go.
_CANDIDATES = {
    "phone": (
        r"\+\d{1,3}\)?[ .\-/]?(?:\(0?\d{0,4}\)[ .\-/]?)?\d(?:[ .\-/]?\d){4}",
        r"(?:^|[^0-9A-Za-z.\-+/])00[1-9]\d{0,2}[ .\-/]\(?\d",
        r"\(\d{2,5}\) ?\d{2,4}[ .\-]?\d{2}",
        r"(?:^|[^0-9A-Za-z.\-+/])(?:1[ .\-])?[2-9]\d\d[.\-][2-9]\d\d[.\-]\d{4}",
        r"(?:^|[^0-9A-Za-z.,:/\-+])0[1-9]\d{0,3}(?: \d{2,8}[ 0-9]*\d|[.\-/]\d{2,8})",
        rf"(?i:{PHONE_WORDS})[^0-9A-Za-z](?:\D{{0,39}})\d(?:[ .()/\-]{{0,2}}\d){{6}}",
    ),
    "iban": (
        r"(?:^|[^0-9A-Za-z])[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11}|(?:[ \-][A-Za-z0-9]{4}){2}[ \-])",
    ),
    "card": (
        r"(?:^|[^0-9A-Za-z.\-+])(?:[3-6]\d{3}|2[2-7]\d\d|1800|2131)(?:[ \-]?\d{4}){2}\d?[ \-]?\d",
        rf"(?i:{CARD_WORDS})[^0-9A-Za-z].{{0,59}}\d{{12}}",
    ),
    "ip": (
        r"(?:^|[^0-9A-Za-z.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}" + _END,
        rf"::{_HEX}|{_HEX}::|:{_HEX}{{1,4}}:{_HEX}{{1,4}}:",
    ),
    "mac": (
        rf"{_HEX}{{2}}(?::{_HEX}{{2}}){{5}}|{_HEX}{{2}}(?:-{_HEX}{{2}}){{5}}",
        rf"{_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}",
    ),
    "national_id": (
        _START + r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]" + _END,
        _START + r"(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]" + _END,
        _START + r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]" + _END,
        _START + r"[12] ?\d{2} ?\d{2} ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2}" + _END,
        _START + r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}" + _END,
        _START + r"\d{3}\.\d{3}\.\d{3}-\d{2}" + _END,
        _START + r"(?:19|20)\d{6}-\d{4}" + _END,
        _START + r"\d{6}[\-+A]\d{3}[0-9A-Y]" + _END,
        rf"(?i:{NATIONAL_WORDS})[^0-9A-Za-z].{{0,30}}\d\d",
    ),
}
#: What more may be one where the column's name says so.
_NAMED = {
    "phone": r"\d(?:[ .()/\-]{0,2}\d){6}",
    "card": r"\d(?:[ \-]?\d){11}",
    "ip": r"\d\.\d{1,3}\.\d{1,3}\.\d",
    "national_id": r"\d[ .\-]?\d[ .\-]?\d[ .\-]?\d[ .\-]?\d",
}
_EMAIL = r"[\pL\pN_.%+'\-]*[\pL\pN_]@(?:[\pL\pN](?:[\pL\pN_\-]*[\pL\pN])?\.)+[\pL]{2,}"

#: Names of files may look like addresses (logo@2x.png); these are looked at one by one.
_FILE = r"(?i)\.(?:png|jpe?g|gif|svg|webp|m?js|css|html|ts|json)(?:[^\pL\pN]|$)"


def detect(values: pa.Array, name: str = "") -> dict[str, np.ndarray]:
    """Say which values hold personal data.

    Parameters
    ----------
    values : pyarrow.StringArray
        Distinct and not null (a null holds nothing).
    name
        The column's name: in a column called `ssn`, nine digits are what they seem.

    Returns
    -------
    dict of str to numpy.ndarray of bool, shape (values,)
        One entry for each of KINDS.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {kind: np.zeros(len(values), bool) for kind in KINDS}
    values = pc.fill_null(values.cast(pa.string()), "")
    hint = suspicious_name(name)

    at = np.flatnonzero(_mask(pc.match_substring(values, "@")))
    addresses = _taken(values, at)
    found["email"][at[_matches(addresses, _EMAIL)]] = True
    _verify(found["email"], "email", addresses, at, _FILE, hint)

    places = np.flatnonzero(_matches(values, _pattern("", hint)))
    candidates = _taken(values, places)
    if hint not in KINDS:
        left = ~_no_card(candidates)
        places, candidates = places[left], _taken(candidates, np.flatnonzero(left))
    for kind in _CANDIDATES:
        _verify(found[kind], kind, candidates, places, _pattern(kind, hint), hint)
    return found


def detect_integers(values: pa.Array, name: str = "") -> dict[str, np.ndarray]:
    """Say which whole numbers are personal data: cards, and what the column's name promises.

    Parameters
    ----------
    values : pyarrow.Int64Array
        Distinct and not null.
    name
        The column's name.

    Returns
    -------
    dict of str to numpy.ndarray of bool, shape (values,)
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {kind: np.zeros(len(values), bool) for kind in KINDS}
    hint = suspicious_name(name)
    least = 10**6 if hint in ("card", "national_id", "phone") else 10**12
    if not pc.any(pc.greater_equal(values, least)).as_py():
        return found
    numbers = pc.fill_null(values, 0).to_numpy()
    some = np.flatnonzero(numbers >= least)
    if least == 10**12:
        some = some[check_digits.cards(numbers[some].astype(np.uint64))]
    texts = pa.array(numbers[some]).cast(pa.string())
    of_some = detect(texts, name)
    for kind in KINDS:
        found[kind][some] = of_some[kind]
    return found


@cache
def _pattern(kind: str, hint: str | None) -> str:
    """Return the pattern of candidates of one kind, or of all of them where `kind` is empty."""
    if not kind:
        return "|".join(_pattern(one, hint) for one in _CANDIDATES)
    wider = (_NAMED[kind],) if kind == hint and kind in _NAMED else ()
    return "|".join(f"(?:{pattern})" for pattern in (*_CANDIDATES[kind], *wider))


def _verify(
    found: np.ndarray,
    kind: str,
    candidates: pa.Array,
    places: np.ndarray,
    pattern: str,
    hint: str | None,
) -> None:
    """Set `found` at the places of those candidates that match a pattern, as `holds` says."""
    import numpy as np

    # Only these become Python texts, so that memory stays bounded.
    some = np.flatnonzero(_matches(candidates, pattern))
    texts = _taken(candidates, some).to_pylist()
    found[places[some]] = [holds(kind, text, named=kind == hint) for text in texts]


def _no_card(candidates: pa.Array) -> np.ndarray:
    """Return which candidates are digits alone and no card: most order numbers are ruled out here.

    Fifteen digits that begin with 1 or 2 may be a French NIR and are left.
    """
    import numpy as np
    import pyarrow as pa

    out = np.zeros(len(candidates), bool)
    plain = np.flatnonzero(_matches(candidates, r"^(?:\d{13,14}|[3-9]\d{14}|\d{16,19})$"))
    numbers = _taken(candidates, plain).cast(pa.uint64()).to_numpy()
    out[plain[~check_digits.cards(numbers)]] = True
    return out


def _taken(values: pa.Array, places: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return values.take(pa.array(places))


def _matches(values: pa.Array, pattern: str) -> np.ndarray:
    import pyarrow.compute as pc

    return _mask(pc.match_substring_regex(values, pattern))


def _mask(values: pa.Array) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False)
