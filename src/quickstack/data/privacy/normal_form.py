"""Personal values in a form in which case, blanks and Unicode spelling count for nothing."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

#: In ASCII without blanks, only the case is left to be folded.
_PLAIN = r"^[!-~]*$"
#: Default_Ignorable_Code_Point of the Unicode standard: they are not seen, as the zero-width space.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


def folded(text: str) -> str:
    """Return a text without differences in case and Unicode spelling.

    Compatibility caseless matching of the Unicode standard (D146 of chapter 3.13), composed
    (NFKC), without characters that are not seen.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFD", _UNSEEN.sub("", text)).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold())


def normal_form(text: str) -> str:
    """Return a value as pseudonyms and erasures compare it: folded, with few blanks.

    Blanks around it go. Of a name, several within count as one; within a value that has a digit or
    an @ all go, as people group IBANs and phone numbers at will.
    """
    text = folded(text)
    return ("" if is_code(text) else " ").join(text.split())


def is_code(text: str) -> bool:
    """Whether blanks within a value count for nothing: it has a digit or an @."""
    return "@" in text or any(c.isdecimal() for c in text)


def normal_forms(values: pa.Array) -> pa.Array:
    """Return the normal form of each value.

    Parameters
    ----------
    values : pyarrow.Array
        string, or a dictionary of strings, which stays one; of another type they stay as they are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        distinct = normal_forms(values.dictionary)
        if distinct.equals(values.dictionary):
            return values
        # Two spellings have become one: each value stands once in a dictionary.
        return pc.dictionary_encode(distinct.take(values.indices))
    if not pa.types.is_string(values.type):
        return values
    lower = pc.ascii_lower(values)
    if _is_plain(values):
        return lower
    plain = pc.fill_null(pc.match_substring_regex(values, _PLAIN), True)
    others = pc.dictionary_encode(values.filter(pc.invert(plain)))
    forms = pa.array([normal_form(text) for text in others.dictionary.to_pylist()], pa.string())
    return pc.replace_with_mask(lower, pc.invert(plain), forms.take(others.indices))


def _is_plain(values: pa.Array) -> bool:
    """Whether all bytes of some texts are visible ASCII, at the speed of memory."""
    import numpy as np

    if not len(values) or values.buffers()[2] is None:
        return True
    offsets = np.frombuffer(values.buffers()[1], np.int32)
    start, stop = offsets[values.offset], offsets[values.offset + len(values)]
    data = np.frombuffer(values.buffers()[2], np.uint8)[start:stop]
    return not len(data) or bool(data.min() > 0x20 and data.max() < 0x7F)
