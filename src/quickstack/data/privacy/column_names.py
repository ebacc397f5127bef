"""What the name of a column says of personal data, in the large languages of the world.

The words stand in `header_words.txt`. Headers and words are compared without case, accents,
separators and camelCase.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

#: What words of a header are about, apart from kinds of personal data.
_WHO, _ELSE = "who", "else"
#: Letters that Unicode does not decompose.
_PLAIN = str.maketrans("øłđıæœðþ", "oldiaodt")
#: Scripts that write no blanks between words.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
#: Words of so few letters mean something else in the midst of others: `run`, `cap`, `nie`.
_SHORT = 3
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


@dataclass
class _Words:
    """The words of one kind, by where in a header they count."""

    anywhere: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)
    endings: set[str] = field(default_factory=set)
    unspaced: set[str] = field(default_factory=set)
    joined: dict[str, str] = field(default_factory=dict)


def folded(text: str) -> str:
    """Return a text in lower case and without accents, vowel signs and invisible letters."""
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_PLAIN)
    kept = (c for c in apart if unicodedata.category(c) not in ("Mn", "Mc", "Cf"))
    return unicodedata.normalize("NFC", "".join(kept))


def normal(header: str) -> str:
    """Return a header as folded words and numbers with a blank between them."""
    apart = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", header)
    return " ".join(re.findall(r"[^\W\d_]+|\d+", re.sub(r"['\u2019\u02bc]", "", folded(apart))))


def suspicious_name(name: str) -> str | None:
    """Return the kind of personal data that a column's name promises, if any.

    Parameters
    ----------
    name
        `dateOfBirth`, `customer_first_name`, `SSN`, `Geburtsdatum`, `生年月日` …

    Returns
    -------
    str or None
        A kind of `quickstack.facts.contract.model.FINDINGS`.
    """
    return promised(name)[0]


@cache
def promised(name: str) -> tuple[str | None, bool]:
    """Return the kind that a column's name promises, and whether by a word of many meanings."""
    header = normal(name)
    if not header:
        return None, False
    kind, phrase, weak = "", "", False
    for one, known in _words().items():
        if one not in (_WHO, _ELSE):
            found = max(_matches(header, known), key=len, default="")
            if len(found) > len(phrase):
                kind, phrase, weak = one, found, found in known.alone
    rest = f" {header} ".replace(f" {phrase} ", " ", 1).split()
    if not kind or _words()[_ELSE].anywhere.intersection(rest):
        return None, False
    return kind, weak


def _matches(header: str, known: _Words) -> list[str]:
    """Return those words of a kind that a header says."""
    tokens = header.split()
    spans = [(a, b) for a in range(len(tokens)) for b in range(a + 1, len(tokens) + 1)]
    who = _words()[_WHO].anywhere
    bare = " ".join(token for token in tokens if token not in who and not token.isdecimal())
    joined = header.replace(" ", "")
    runs = {" ".join(tokens[a:b]) for a, b in spans}
    found = [r for r in runs & known.anywhere if len(r) > _SHORT or r in (header, bare)]
    found += {header, bare} & (known.alone | known.anywhere)
    found += [known.joined[joined]] if joined in known.joined else []
    found += [word for word in known.endings if any(t.endswith(word) for t in tokens)]
    if _UNSPACED.search(header):
        found += [word for word in known.unspaced if word in joined]
    return found


@cache
def _words() -> dict[str, _Words]:
    """Read the table: kinds, most specific first, with their words."""
    kinds: dict[str, _Words] = {}
    known = _Words()
    text = files(__package__).joinpath("header_words.txt").read_text(encoding="utf-8")
    for line in filter(None, text.splitlines()):
        if line.startswith("["):
            known = kinds[line.strip("[]")] = _Words()
        elif not line.startswith("#"):
            for phrase in line.partition(":")[2].split(","):
                _add(known, phrase.strip())
    return kinds


def _add(known: _Words, phrase: str) -> None:
    mark, bare = (phrase[0], phrase[1:].strip()) if phrase[0] in "=~" else ("", phrase)
    for form in {normal(bare), normal(bare.translate(_UMLAUTS))}:
        if mark == "=":
            known.alone.add(form)
        else:
            known.anywhere.add(form)
            known.joined[form.replace(" ", "")] = form
        if mark == "~":
            known.endings.add(form)
        elif not mark and _UNSPACED.search(form) and len(form) > 1:
            known.unspaced.add(form.replace(" ", ""))
