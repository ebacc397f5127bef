"""Names that people read, and how each language of the project writes them.

A name comes from a contract in any script and with any characters, so each language gets its own
quoting: TMDL (`'It''s'`), M (`#"a""b"`), DAX (`'It''s'[a]]b]`) and file names.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://quickstack/powerbi")
#: Longer names do not fit into a slicer or a path.
_LONGEST = 80
_ACRONYMS = {"psi": "PSI"}
_JOINERS = "\u200c\u200d"
_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


def tag(*parts: str) -> str:
    """Return a UUID that depends on nothing but the parts, so that a re-export gives no diff."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def folder_id(*parts: str) -> str:
    """Return 20 hexadecimal digits: the name of a page or a visual, and of its folder."""
    return tag(*parts).replace("-", "")[:20]


def one_line(text: str) -> str:
    """Return the text on one line, blanks collapsed, without control characters.

    Marks that turn the direction of writing go; joiners stay, which several scripts spell with.
    """
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join("".join(c for c in kept if c in _JOINERS or not _unseen(c)).split())


def readable(name: str) -> str:
    """Return what people read: `monthly_fee` becomes `Monthly fee`; other names stay as they are.

    Leading underscores go: DAX variables of the measures begin with two.
    """
    text = one_line(name).lstrip("_ ")
    if re.fullmatch(r"[a-z0-9_ ]+", text):
        words = [_ACRONYMS.get(word, word) for word in text.replace("_", " ").split()]
        text = " ".join(words)
        text = text[:1].upper() + text[1:]
    return text[:_LONGEST].strip() or "Column"


def unique(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Give numbers to names that Power BI would take for one, in order.

    Its collation ignores case, the width of letters and the difference of hiragana and katakana.
    """
    used = {_folded(name) for name in taken}
    result = []
    for name in names:
        candidate, number = name, 2
        while _folded(candidate) in used:
            candidate, number = f"{name} {number}", number + 1
        used.add(_folded(candidate))
        result.append(candidate)
    return result


def file_name(name: str, fallback: str) -> str:
    """Return a name for files that Windows, macOS and Linux accept, at most 40 characters."""
    text = one_line(re.sub(r'[<>:"/\\|?*%]', " ", name))[:40].strip(" .")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", text)
    return fallback if not text or reserved else text


def tmdl_name(name: str) -> str:
    """Quote a name for TMDL where it is more than ASCII letters, digits and underscores."""
    return (
        name if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else "'" + _doubled(name, "'") + "'"
    )


def tmdl_text(text: str) -> str:
    """Write the value of a TMDL property, quoted where a quote, a blank or `=` could mislead."""
    plain = text and text == text.strip() and not text.startswith('"') and "=" not in text
    return text if plain else '"' + _doubled(text, '"') + '"'


def m_text(text: str) -> str:
    """Write a text literal of M; what is not printable becomes `#(0000)`."""
    escaped = _doubled(text.replace("#(", "#(#)("), '"')
    return '"' + re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", _m_escape, escaped) + '"'


def dax_text(text: str) -> str:
    """Write a text literal of DAX."""
    return '"' + _doubled(text, '"') + '"'


def dax_column(table: str, column: str) -> str:
    """Write a column with its table, as DAX reads it whatever the names hold."""
    return dax_table(table) + "[" + _doubled(column, "]") + "]"


def dax_table(table: str) -> str:
    """Write a table's name, quoted."""
    return "'" + _doubled(table, "'") + "'"


def dax_number(value: float) -> str:
    """Write a number without an exponent and without losing a digit."""
    from decimal import Decimal

    return format(Decimal(repr(float(value))).normalize(), "f")


def format_unit(unit: str | None) -> str:
    """Return the end of a format string that shows a unit: each character escaped."""
    return "".join("\\" + c for c in f" {one_line(unit)}") if unit else ""


def _doubled(text: str, quote: str) -> str:
    return text.replace(quote, quote * 2)


def _m_escape(match: re.Match[str]) -> str:
    return f"#({ord(match.group()):04x})"


def _folded(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_HIRAGANA)
    return "".join(c for c in folded if not _unseen(c))


def _unseen(character: str) -> bool:
    return unicodedata.category(character) == "Cf"
