"""Find personal data in columns that were not declared to hold any: a backstop to the contract.

One RE2 pattern over all distinct values leaves the candidates; each is verified on its own, so that
the verdict on a value depends on the value and the column's name alone. No value is ever returned.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING

from stdnum.be import nn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

from quickstack.data.privacy import check_digits
from quickstack.data.privacy.column_names import suspicious_name

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

#: What values alone can show, as contracts name it in `allowedFindings`.
KINDS = ("email", "phone", "iban", "card", "ip", "mac", "national_id")
#: Words that say what the number behind them is, in the languages of most tables.
PHONE_WORDS = (
    "phones?|telephone|tel|mobile|cell|fax|call|calls|called|calling|ring|dial|sms|whatsapp|"
    "contact|reach|answering|messages to|telefon|telefono|teléfono|telefoon|téléphone|telephone|"
    "portable|handy|handynummer|mobil|móvil|movil|rufnummer|cellulare|desk"
)
CARD_WORDS = "cards?|cc|visa|mastercard|amex|maestro|kreditkarte|karte|carte|tarjeta|carta|pan"
IP_WORDS = "ip|ips|ipv4|ipaddr|addr|address|adresse|host|login from|client|subnet|gateway"
NATIONAL_WORDS = (
    "ssn|social security|national id|national insurance|nino|ni number|steuer-?id|"
    "steueridentifikationsnummer|idnr|bsn|burgerservicenummer|pesel|personnummer|nir|"
    "sécurité sociale|numéro de sécu|dni|nie|tax id|tin|citizen id"
)
#: Words behind which a number is something else.
_OTHER_WORDS = re.compile(
    r"\b(?:order|invoice|ticket|case|ref|reference|account|parcel|item|code|po|sku|iban|version|"
    r"rechnung|auftrag|bestellung|konto|facture|commande|factura|pedido|amount|total|card|id)\b",
    re.IGNORECASE,
)
_NUMBER = r"\+?\(?\d(?:[ .()/\-]{0,2}\d){6,14}(?!\d)"
_EXTENSION = r"(?: ?(?:x|ext\.?) ?\d{1,6})?(?!\w|[.\-:/,]\d)"


def _near(words: str, gap: int) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)(?P<gap>\D{{0,{gap}}})$", re.IGNORECASE)


_PHONE_BEFORE = _near(PHONE_WORDS, 40)
_CARD_BEFORE = re.compile(rf"(?<!\w)(?:{CARD_WORDS})(?!\w)", re.IGNORECASE)
_IP_BEFORE = _near(IP_WORDS, 12)
_NATIONAL_BEFORE = _near(NATIONAL_WORDS, 30)
_VERSION_BEFORE = re.compile(
    r"(?:\bv|\bver\.?|version|release|build|[a-z]/)[\s:=#]*$", re.IGNORECASE
)

#: Pattern, and the fewest and most digits.
_PHONES = tuple(
    (re.compile(pattern + _EXTENSION), least, most)
    for pattern, least, most in (
        # International: + and a country code, or 00 and separators.
        (r"(?<![\w+.])\+\d{1,3}\)?[ .\-/]?(?:\(0?\d{0,4}\)[ .\-/]?)?\d(?:[ .\-/]?\d){4,13}", 9, 15),
        (
            r"(?<![\w+.\-/])(?<!1Z )00[1-9]\d{0,2}[ .\-/]\(?\d{1,5}\)?(?:[ .\-/]?\d{2,5}){1,5}",
            11,
            17,
        ),
        # An area code in brackets.
        (r"(?<![\w(])\(\d{2,5}\) ?\d{2,4}(?:[ .\-]?\d{2,4}){1,3}", 8, 13),
        # North America: NXX-NXX-XXXX.
        (r"(?<![\w+.\-/])(?:1[ .\-])?[2-9]\d\d[.\-][2-9]\d\d[.\-]\d{4}", 10, 11),
        # An area code, a hyphen and groups, as in Sweden.
        (r"(?<![\w+.,:/\-])0[1-9]\d{0,2}-\d{2,3}(?: \d{2,3}){1,3}", 9, 11),
        # A trunk 0 and groups with one separator; 1Z begins the number of a parcel.
        (
            r"(?<![\w+.,:/\-])(?<!\d )(?<!1Z )0[1-9]\d{0,3}([ .\-/])\d{2,8}(?:\1\d{2,4}){0,4}",
            10,
            12,
        ),
    )
)
_LOOSE_PHONE = re.compile(r"(?<![\w.,])" + _NUMBER + _EXTENSION)
_DATE = re.compile(r"\(?(?:\d{4}[-./]\d\d?[-./]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)\d\d)(?!\d)")
_CARD = re.compile(
    r"(?<![\w.\-+])(?:\d{12,19}|"
    r"\d{4}(?:([ \-])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|([ \-])\d{6}\2\d{4,5}))(?!\w|[.\-]\d)"
)
# In one piece, or in groups of four; what follows it in a text is cut off by the country's length.
_IBAN = re.compile(
    r"(?<![A-Za-z0-9\-])[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11,30}(?![A-Za-z0-9])|"
    r"([ \-])(?:[A-Za-z0-9]{4}\1){2,6}[A-Za-z0-9]{1,4}(?:\1[A-Za-z0-9]{1,4})?)"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?![\w:])")
_MAC = re.compile(
    r"(?<![\w:\-])(?:[0-9A-Fa-f]{2}([:\-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|"
    r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:\-])"
)
_EMAIL = re.compile(r"[\w.%+'\-]*\w@((?:[^\W_](?:[\w\-]*[^\W_])?\.)+[^\W\d_]{2,})(?!\w)")
#: Names of files that look like addresses: logo@2x.png, jquery@min.js.
_FILES = ("png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "css", "html", "ts", "json")

# Phones are found by patterns of our own: phonenumbers takes 59 us a number and 23 MB, and needs to
# be told the country of a number without its prefix.
#: Pattern, check of its letters and digits, and whether a word has to name it.
_NATIONAL: tuple[tuple[re.Pattern[str], Callable[[str], bool], bool], ...] = tuple(
    (re.compile(rf"(?<![\w.\-])(?:{pattern})(?!\w|[.\-]\d)"), check, named)
    for pattern, check, named in (
        (r"\d{3}([- ]?)\d{2}\1\d{4}", ssn.is_valid, True),
        # HMRC issues neither these prefixes nor other suffixes, except to test data.
        (
            r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
            r"( ?)\d{2}\1\d{2}\1\d{2}\1[A-D]",
            lambda _: True,
            False,
        ),
        (r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-Z]", lambda _: True, True),
        (r"\d{8}-?[A-Z]", dni.is_valid, False),
        (r"[XYZ]-?\d{7}-?[A-Z]", nie.is_valid, False),
        (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", codicefiscale.is_valid, False),
        (
            # The month is one of a year, or one of the codes where it is not known.
            r"[12]( ?)\d{2}\1(?:0[1-9]|1[0-2]|[2356789]\d|4[0-2])"
            r"\1(?:\d{2}|2[AB])\1\d{3}\1\d{3}\1\d{2}",
            nir.is_valid,
            False,
        ),
        (r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", nn.is_valid, False),
        (r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid, False),
        (r"(?:19|20)\d{6}-\d{4}", personnummer.is_valid, False),
        (r"\d{6}[-+]\d{4}", personnummer.is_valid, True),
        (r"\d{6}[-+A]\d{3}[0-9A-Y]", hetu.is_valid, False),
        (r"\d{2} ?\d{3} ?\d{3} ?\d{3}", idnr.is_valid, True),
        (r"\d{11}", pesel.is_valid, True),
        (r"\d{9}", bsn.is_valid, True),
        (r"\d{11}", cpf.is_valid, True),
    )
)


def holds(kind: str, text: str, *, named: bool = False) -> bool:
    """Whether a text holds personal data of one kind.

    Parameters
    ----------
    kind
        One of `quickstack.data.privacy.detect.KINDS`.
    text
        A cell, whole.
    named
        Whether the column's name promises this kind, as a word in front of the number would.
    """
    return any(_FINDERS[kind](text, named))


def _emails(text: str, _: bool) -> Iterable[bool]:
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield found[1].rpartition(".")[2].lower() not in _FILES


def _phones(text: str, named: bool) -> Iterable[bool]:
    for pattern, least, most in _PHONES:
        for found in pattern.finditer(text):
            number = re.split(r" ?(?:x|ext)", found[0])[0]
            digits = sum(map(str.isdigit, number))
            decimal = re.fullmatch(r"\+\d+\.\d+", number)
            yield least <= digits <= most and not decimal and not _DATE.match(number)
    for found in _LOOSE_PHONE.finditer(text):
        if _DATE.match(found[0]):
            continue
        before = _PHONE_BEFORE.search(text[max(found.start() - 80, 0) : found.start()])
        yield named or bool(before and not _OTHER_WORDS.search(before["gap"]))


def _ibans(text: str, _: bool) -> Iterable[bool]:
    for found in _IBAN.finditer(text):
        length = check_digits.IBAN_LENGTHS.get(found[0][:2].upper(), 0)
        whole = re.compile(rf"(?:[ \-]?[A-Za-z0-9]){{{length}}}(?![A-Za-z0-9])")
        kept = whole.match(text, found.start())
        yield bool(length and kept and check_digits.iban(re.sub(r"[ \-]", "", kept[0])))


def _cards(text: str, named: bool) -> Iterable[bool]:
    for found in _CARD.finditer(text):
        before = text[max(found.start() - 60, 0) : found.start()]
        spoken = named or _CARD_BEFORE.search(before) is not None
        yield check_digits.card(re.sub(r"[ \-]", "", found[0]), named=spoken)


def _addresses(text: str, named: bool) -> Iterable[bool]:
    for found in _IPV4.finditer(text):
        before = text[max(found.start() - 40, 0) : found.start()]
        octets = found[0].split(".")
        if any(int(o) > 255 or (o[0] == "0" and o != "0") for o in octets):
            continue
        if _VERSION_BEFORE.search(before) and not before.endswith("//"):
            continue
        # The parts of a version hardly ever have three digits; one part of most addresses has.
        yield named or _IP_BEFORE.search(before) is not None or max(map(int, octets)) > 99
    if text.count(":") > 1:
        for found in _IPV6.finditer(text):
            yield _is_ipv6(found[0])


def _is_ipv6(text: str) -> bool:
    text = text.rstrip(":") if not text.endswith("::") else text
    groups = [g for g in text.split(":") if g]
    if len(groups) < 3 or not any(c.isdigit() for c in text):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _macs(text: str, _: bool) -> Iterable[bool]:
    for found in _MAC.finditer(text):
        # Digits with hyphens or points alone are some other number.
        yield ":" in found[0] or any(c.isalpha() for c in found[0])


def _national_ids(text: str, named: bool) -> Iterable[bool]:
    for pattern, check, needs_word in _NATIONAL:
        for found in pattern.finditer(text):
            if needs_word and not named:
                before = text[max(found.start() - 60, 0) : found.start()]
                if not _NATIONAL_BEFORE.search(before):
                    continue
            yield check(re.sub(r"[ .]", "", found[0]))


_FINDERS: dict[str, Callable[[str, bool], Iterable[bool]]] = {
    "email": _emails,
    "phone": _phones,
    "iban": _ibans,
    "card": _cards,
    "ip": _addresses,
    "mac": _macs,
    "national_id": _national_ids,
}


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
_EMAIL_RE2 = r"[\pL\pN_.%+'\-]*[\pL\pN_]@(?:[\pL\pN](?:[\pL\pN_\-]*[\pL\pN])?\.)+[\pL]{2,}"

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
    found["email"][at[_matches(addresses, _EMAIL_RE2)]] = True
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
