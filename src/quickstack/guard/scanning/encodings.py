"""The byte patterns under which a value may hide: text, escapes, base64, numbers, hashes."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import quopri
import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote, quote_plus

from quickstack.guard.scanning.matcher import (
    ANYTHING,
    NO_BEGINNING,
    NO_HASH,
    NO_NUMBER,
    NO_WORD,
    Pattern,
)
from quickstack.guard.scanning.searched_values import Value

#: Longer values are looked for by their first characters.
LONGEST = 200
#: From this many digits on, a number is met as eight bytes by a person's hand alone.
_LONG_NUMBER = 8
#: Up to so many values, CRC32 is looked for: of more, one is met by chance.
_FEW = 100
#: A shorter run of base64 is met by chance.
_SHORTEST_BASE64 = 8
#: A number such as `d1031152` stands in one of some hundred thousand pseudonyms by chance; with
#: twelve digits in none.
_SHORT_HEXADECIMAL = re.compile(rb"(?=\d*[A-Fa-f])([0-9a-f]{1,11}|[0-9A-F]{1,11})")
_HASHES = (
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256",
)  # fmt: skip
_COMMON_HASHES = ("md5", "sha1", "sha256")


def patterns(values: list[Value], *, thorough: bool) -> Iterator[Pattern]:
    """Yield the patterns of all values.

    Parameters
    ----------
    values
        What to look for; a pattern's `value` is its index here.
    thorough
        All encodings, some 150 patterns a value. Otherwise those that occur in practice: the text
        itself in UTF-8, UTF-16 and Latin-1, in either case, composed and decomposed, escaped for
        JSON, URL and HTML, in base64, its digits, and MD5, SHA-1 and SHA-256 in hexadecimal.
    """
    few = len(values) <= _FEW
    for index, value in enumerate(values):
        seen: set[bytes] = set()
        forms = _patterns(value, thorough)
        for name, content, beside in chain(forms, _crc32(value.text) if few else ()):
            if content not in seen:
                seen.add(content)
                by_chance = _SHORT_HEXADECIMAL.fullmatch(content)
                yield Pattern(content, index, name, NO_HASH if by_chance else beside)


def _patterns(value: Value, thorough: bool) -> Iterator[tuple[str, bytes, int]]:
    text = value.text[:LONGEST]
    digits = "".join(c for c in text if c.isdecimal() and c.isascii())
    number = _is_number(text)
    beside = NO_WORD if value.word else NO_NUMBER if number and len(digits) < 12 else ANYTHING
    if not digits and "@" not in text and not value.word:
        beside = NO_BEGINNING  # a person's name
    forms = [text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    cased = forms if value.word else [*forms, text.lower(), text.upper(), text.casefold()]
    for form in dict.fromkeys(cased):
        yield "utf-8", _bytes(form), beside
        yield "utf-16", form.encode("utf-16-le", "surrogatepass"), ANYTHING
        if thorough:
            yield "utf-16", form.encode("utf-16-be", "surrogatepass"), ANYTHING
            yield "utf-32", form.encode("utf-32-le", "surrogatepass"), ANYTHING
        yield from _narrow(form, beside)
        for name, escaped in _escapes(form, thorough):
            yield name, escaped.encode("ascii", "ignore"), beside
    yield from _coded(text, thorough)
    if number and len(digits) >= 7:
        yield "digits", digits.encode(), NO_NUMBER
        for between in (" ", "-", "\u200b") if thorough else ():
            yield "separated digits", between.join(digits).encode(), NO_NUMBER
        yield from _binary_numbers(digits, thorough)
    known = dict.fromkeys((text, text.strip(), text.lower(), text.upper()))
    hashed = [text, text.lower()] if not thorough else [*known, *([digits] if number else [])]
    for form in dict.fromkeys(hashed):
        yield from _hashes(_bytes(form), thorough)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_number(text: str) -> bool:
    """Whether it is written with digits and what separates them alone, as telephone numbers are."""
    return not any(c.isalpha() for c in text) and sum(c.isdecimal() for c in text) >= 7


def _crc32(text: str) -> Iterator[tuple[str, bytes, int]]:
    shown = f"{zlib.crc32(_bytes(text)):08x}"
    yield "CRC32", shown.encode(), NO_NUMBER
    yield "CRC32", shown.upper().encode(), NO_NUMBER


def _narrow(text: str, beside: int) -> Iterator[tuple[str, bytes, int]]:
    if not text.isascii():
        for encoding in ("latin-1", "cp1252", "iso8859-15"):
            try:
                yield encoding, text.encode(encoding), beside
            except UnicodeEncodeError:
                continue


def _escapes(text: str, thorough: bool) -> Iterator[tuple[str, str]]:
    escaped = json.dumps(text)[1:-1]
    yield "JSON escapes", escaped
    yield "URL escapes", quote(text, safe="", errors="replace")
    yield "URL escapes", quote_plus(text, errors="replace")
    if not text.isascii():
        yield "HTML entities", html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
        yield "HTML entities", _named_entities(text)
    elif any(c in "&<>\"'" for c in text):
        yield "HTML entities", html.escape(text)
        yield "HTML entities", html.escape(text, quote=False)
    if thorough:
        upper = "".join(c if c.isascii() else f"&#x{ord(c):X};" for c in text)
        yield "JSON escapes", text.encode("unicode_escape").decode()
        yield "JSON escapes", "".join(f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000)
        yield "URL escapes", quote(text, safe="@:/", errors="replace")
        yield "URL escapes", quote(text, safe="", errors="replace").lower()
        yield "URL escapes", "".join(f"%{byte:02X}" for byte in _bytes(text))
        yield "HTML entities", upper
        yield "HTML entities", upper.lower()
        yield "HTML entities", "".join(f"&#{ord(c)};" for c in text)
        yield "HTML entities", "".join(f"&#x{ord(c):x};" for c in text)
        for quoted_tabs in (False, True):
            for narrow in ("utf-8", "latin-1"):
                coded = quopri.encodestring(text.encode(narrow, "replace"), quoted_tabs)
                yield "quoted-printable", coded.replace(b"=\n", b"").decode("latin-1")


def _named_entities(text: str) -> str:
    from html.entities import codepoint2name

    return "".join(
        c if c.isascii() else f"&{codepoint2name[ord(c)]};" if ord(c) in codepoint2name
        else f"&#{ord(c)};"
        for c in text
    )  # fmt: skip


def _coded(text: str, thorough: bool) -> Iterator[tuple[str, bytes, int]]:
    raw = _bytes(text)
    for content in (raw, text.encode("utf-16-le", "surrogatepass")) if thorough else (raw,):
        for cut in _base64_at_each_alignment(content):
            yield "base64", cut, ANYTHING
            if thorough:
                yield "base64", cut.translate(bytes.maketrans(b"+/", b"-_")), ANYTHING
    if thorough:
        yield "full width", _bytes(_full_width(text)), ANYTHING
        for name, encode in (("ascii85", base64.a85encode), ("base85", base64.b85encode)):
            for begin in range(4):  # groups of four bytes become five characters
                whole = raw[begin : begin + (len(raw) - begin) // 4 * 4]
                yield name, encode(whole), ANYTHING
        yield "hexadecimal", raw.hex().encode(), ANYTHING
        yield "hexadecimal", raw.hex().upper().encode(), ANYTHING
        yield "hexadecimal", text.encode("utf-16-le", "surrogatepass").hex().encode(), ANYTHING
        yield "base32", base64.b32encode(raw).rstrip(b"=")[:-1], ANYTHING


def _full_width(text: str) -> str:
    """Return ASCII in the wide forms that East Asian keyboards write."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _base64_at_each_alignment(content: bytes) -> Iterator[bytes]:
    """Cut off the characters that also depend on the neighbours' bits."""
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + content)
        whole = (shift + len(content)) * 8 // 6
        begin = -(-shift * 8 // 6)
        if whole - begin >= _SHORTEST_BASE64:
            yield coded[begin:whole]


def _binary_numbers(digits: str, thorough: bool) -> Iterator[tuple[str, bytes, int]]:
    number = int(digits)
    # Without leave to look everywhere, ten digits: offsets and sizes of files have fewer.
    if len(digits) < (_LONG_NUMBER if thorough else 10) or number >= 1 << 63:
        return
    if number < 1 << 53:  # doubles hold it whole
        yield "float64", struct.pack("<d", number), ANYTHING
        yield "float64", struct.pack(">d", number), ANYTHING
    yield "int64", struct.pack("<q", number), ANYTHING
    if thorough:
        yield "int64", struct.pack(">q", number), ANYTHING
        size = number.bit_length() // 8 + 1  # as pickle writes it
        yield "int64", b"\x8a" + bytes([size]) + number.to_bytes(size, "little"), ANYTHING
        if len(digits) >= 10:
            yield "float64", f"{float(number)!r}".encode(), NO_NUMBER
            yield "float64", _exponential(number).encode(), NO_NUMBER


def _exponential(number: int) -> str:
    """Write a number as numpy and pandas show long ones: `1.23456789012e+11`."""
    digits = str(number).rstrip("0")
    return f"{digits[0]}.{digits[1:]}e+{len(str(number)) - 1:02d}"


def _hashes(content: bytes, thorough: bool) -> Iterator[tuple[str, bytes, int]]:
    for name in _HASHES if thorough else _COMMON_HASHES:
        digest = hashlib.new(name, content, usedforsecurity=False).digest()
        label = f"unkeyed hash ({name})"
        shown = digest.hex()
        # A shortened hash is one too: sixteen characters tell people apart.
        yield label, shown[:16].encode(), ANYTHING
        if thorough:
            yield label, shown[:16].upper().encode(), ANYTHING
            yield label, digest[:16], ANYTHING
            for cut in _base64_at_each_alignment(digest):
                yield label, cut[:22], ANYTHING
