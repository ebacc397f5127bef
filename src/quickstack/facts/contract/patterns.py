"""Check regular expressions against RE2, the engine that runs them."""

from __future__ import annotations

import re
from typing import Any

from quickstack.facts.contract.custom_properties import Mistakes
from quickstack.facts.yaml_lines import Path


def check_pattern(pattern: Any, subject: str, place: Path, mistakes: Mistakes) -> None:
    """Note a mistake where RE2 (https://github.com/google/re2) cannot run a pattern."""
    if not isinstance(pattern, str):
        mistakes.add(place, f"the pattern of {subject} must be text")
        return
    if _runs(pattern):
        return
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        mistakes.add(place, f"the pattern of {subject} is no regular expression: {error}")
    else:
        mistakes.add(
            place,
            f"the pattern of {subject} uses what RE2 does not have; write it without look-around, "
            "back-references, possessive quantifiers and counts above 1000",
        )


def _runs(pattern: str) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return False
    return True
