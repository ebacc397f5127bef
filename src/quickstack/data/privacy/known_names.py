"""Whether texts are names of persons: given and family names of some sixty countries.

The names are those of Faker's lists (MIT licence; https://github.com/joke2k/faker): common ones,
and those of several languages. `known_names.txt.xz` has a line of given and one of family names,
with zeros between them, so that no two make a person for the leak scan. A library such as
names-dataset takes a gigabyte of memory, which the share of a column does not need.
"""

from __future__ import annotations

import lzma
import re
from functools import cache
from importlib.resources import files

from quickstack.data.privacy.column_names import folded

#: How family names end in languages that form them freely; longer than most words' endings.
_ENDINGS = re.compile(
    r".{3,}(?:[oe]wsk[ia]|[iy]nsk[ia]|[ie]ck[ia]|wicz|czyk|ova|enko|chuk|poulos|idis|akis|oglu|"
    r"sson|dottir|shvili|berger|mann|stein)"
)
_TITLES = re.compile(
    r"mr|mrs|ms|miss|dr|prof|sir|herr|frau|mme|monsieur|sig|pan|pani|sr|sra|jr|ii|iii|phd|md|de|da|"
    r"di|van|von|der|den|del|la|le|el|al|bin|ben|binti|dos|das|af|av"
)
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]{2,6}")
#: Two to five words of letters, hyphens and apostrophes, initials and one comma among them.
_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*\.?"
_SHAPE = re.compile(rf"{_WORD}(?:,? {_WORD}){{0,4}}")


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    packed = files(__package__).joinpath("known_names.txt.xz").read_bytes()
    given, family = lzma.decompress(packed).decode().splitlines()
    return frozenset(given.split("0")), frozenset(family.split("0"))


def full_name(text: str) -> bool:
    """Whether it is a given name and a family name, in any order."""
    if _EAST_ASIAN.fullmatch(text):
        given, family = _names()
        cuts = range(1, min(len(text), 4))
        return any(text[:cut] in family and text[cut:] in given for cut in cuts)
    words = _words(text)
    if not 2 <= len(words) <= 4:
        return False
    given, family = _names()
    known = [_known(word) for word in words]
    return all(known) and any(part in given for word in words for part in word.split("-"))


def single_name(text: str) -> bool:
    """Whether it is one given name or one family name."""
    words = _words(text)
    return len(words) == 1 and "-" not in words[0] and _known(words[0])


def partly_name(text: str) -> bool:
    """Whether it is a given name beside words with capitals, or in a script without any."""
    words = _words(text)
    capital = all(not word[:1].islower() for word in text.split() if len(word) > 3)
    return 2 <= len(words) <= 4 and capital and any(word in _names()[0] for word in words)


def _words(text: str) -> list[str]:
    """Return the words of what may be a name, without titles and initials."""
    text = re.sub(r"['\u2019]", "", folded(text.strip()))
    if len(text) > 60 or not _SHAPE.fullmatch(text):
        return []
    words = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text)
    return [w for w in words if not _TITLES.fullmatch(w) and (len(w) > 1 or not w.isascii())]


def _known(word: str) -> bool:
    given, family = _names()
    return all(
        part in given or part in family or _ENDINGS.fullmatch(part) is not None
        for part in word.split("-")
    )
