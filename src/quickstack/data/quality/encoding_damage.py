"""Tell text that was read in a wrong encoding before it came here."""
# ruff: noqa: RUF001 - letters that look alike are what this is about

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

#: Control characters that only a wrong encoding makes: windows-1252 has letters and signs there.
_CONTROLS = "[\x80-\x9f]"
#: What programs write for a letter that they could not read.
_LOST = "\ufffd"
#: What may rightly follow a letter: closing quotes, dashes, dots, marks and raised signs.
_ENDS = "’”»›…–—™®°²³¹ºª·\xa0"
#: Where UTF-8 is read as one of these, which letters begin a damaged one. `@` stands for any of
#: the 64 that the codec has for the bytes of a continuation, `~` for those that end no word.
_PATTERNS = {
    "windows-1252": "[ÂÃ]@|[Ä-ß]~|[à-ï](?:~@|@~)|ð@@@",
    "windows-1251": "(?:[РС]@){3,}",
    "mac_roman": "[√¬]@|‚Ä@",
    "cp850": "[├┬]@|Ô[ÇÜ]@",
    "cp437": "[├┬]@|Γ[éå]@",
}


@cache
def _letters(codec: str) -> dict[str, int]:
    """Return the letters of the bytes from 0x80, those undefined as Latin-1 has them."""
    found = {chr(byte): byte for byte in range(0x80, 0x100)} if codec == "windows-1252" else {}
    for byte in range(0x80, 0x100):
        found[bytes([byte]).decode(codec, "ignore") or chr(byte)] = byte
    return found


@cache
def _pattern(codec: str) -> str:
    """Return the regular expression of letters that UTF-8 leaves when it is read as `codec`."""
    inner = [letter for letter, byte in _letters(codec).items() if byte < 0xC0]
    classes = {"@": inner, "~": [letter for letter in inner if letter not in _ENDS]}
    pattern = _PATTERNS[codec]
    for mark, letters in classes.items():
        each = "".join(f"\\x{{{ord(letter):x}}}" for letter in letters)
        pattern = pattern.replace(mark, f"[{each}]")
    return pattern


def _read_as(text: str) -> str | None:
    """Return the encoding that UTF-8 was read as to give this text, None where it was not."""
    for codec in _PATTERNS:
        letters = _letters(codec)
        try:
            raw = bytes(letters[x] if x > "\x7f" else ord(x) for x in text)
            raw.decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            continue
        return codec
    return None


def damaged(values: pa.Array) -> dict[tuple[str, str], int]:
    """Count the texts that were read in a wrong encoding.

    Parameters
    ----------
    values : pyarrow.Array
        Text, plain or as a dictionary.

    Returns
    -------
    dict
        (`controls`, the encoding that fits), (`encoded-twice`, the encoding that UTF-8 was read
        as) or (`lost-letters`, nothing) to the number of rows; nothing for none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pa.types.is_dictionary(values.type)
    texts = values.dictionary if encoded else values
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return {}
    pattern = "|".join([_CONTROLS, _LOST, *map(_pattern, _PATTERNS)])
    suspect = pc.unique(texts.filter(pc.match_substring_regex(texts, pattern)))
    kinds: dict[tuple[str, str], list[str]] = {}
    for text in suspect.drop_null().to_pylist():
        if codec := _read_as(text):
            kinds.setdefault(("encoded-twice", codec), []).append(text)
        elif any("\x80" <= letter <= "\x9f" for letter in text):
            kinds.setdefault(("controls", "windows-1252"), []).append(text)
        elif _LOST in text:
            kinds.setdefault(("lost-letters", ""), []).append(text)
    return {kind: _rows(values, texts, found) for kind, found in kinds.items()}


def _rows(values: Any, distinct: Any, wanted: list[str]) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pc.is_in(distinct, pa.array(wanted, pa.string()))
    mask = mask.take(values.indices) if distinct is not values else mask
    return int(pc.sum(mask).as_py() or 0)
