from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstack.guard.scanning import matcher
from quickstack.guard.scanning.encodings import patterns
from quickstack.guard.scanning.matcher import (
    ANYTHING,
    NO_BEGINNING,
    NO_HASH,
    NO_NUMBER,
    NO_WORD,
    Matcher,
    Pattern,
)
from quickstack.guard.scanning.searched_values import Value

LETTERS = st.sampled_from([b"a", b"b", b"\0", b"\xff"])
WORDS = st.lists(LETTERS, min_size=6, max_size=14).map(b"".join)


@settings(max_examples=60)
@given(
    st.lists(WORDS, min_size=1, max_size=8, unique=True),
    st.lists(st.one_of(LETTERS, WORDS), max_size=60).map(b"".join),
    st.sampled_from([8, 64, 1 << 16]),
)
def test_it_finds_what_a_plain_search_finds(words, data, step):
    found = Matcher([Pattern(word, i, "x") for i, word in enumerate(words)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matcher, "_STEP", step)
        assert found.find(data) == {(i, "x") for i, word in enumerate(words) if word in data}


BESIDE = [
    (ANYTHING, b"x12345678y", True),
    (NO_NUMBER, b"12345678", True),
    (NO_NUMBER, b'"12345678"', True),
    (NO_NUMBER, b"x 12345678\0", True),
    (NO_NUMBER, b"012345678", False),
    (NO_NUMBER, b"123456780", False),
    (NO_NUMBER, b"0.12345678", False),
    (NO_NUMBER, b"c12345678", False),
    (NO_NUMBER, b"c12345678 12345678", True),
    (NO_WORD, b"_12345678", False),
    (NO_WORD, b" 12345678.", True),
    (NO_HASH, b"3f8812345678d598e0cc6a83a8f797ab", False),
    (NO_HASH, b"0123456712345678", False),
    (NO_HASH, b"1234567801234567", False),
    (NO_HASH, b"FFFF12345678FFFF", False),
    (NO_HASH, b"12345678", True),
    (NO_HASH, b"%2012345678", True),
    (NO_HASH, b"customer12345678gone", True),
]


@pytest.mark.parametrize(("beside", "data", "expected"), BESIDE)
def test_what_stands_beside_a_match_counts(beside, data, expected):
    found = Matcher([Pattern(b"12345678", 0, "x", beside)]).find(data)
    assert bool(found) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"okada okafor", False), (b"ada okafor", True), (b'"x\\nada okafor', True),
     (b" ada okafor", True), (b"\nada okafor", True), (b"xada okafor", False)],
)  # fmt: skip
def test_a_name_does_not_begin_inside_a_word(data, expected):
    found = Matcher([Pattern(b"ada okafor", 0, "x", NO_BEGINNING)]).find(data)
    assert bool(found) is expected


def test_no_patterns_find_nothing():
    assert Matcher([]).find(b"anything at all") == set()
    assert len(Matcher([Pattern(b"short", 0, "x")])) == 0


def test_a_pseudonym_that_holds_a_number_by_chance_is_no_leak():
    values = [Value("D1031152", "column customer_id", word=False)]
    for thorough in (True, False):
        looking = Matcher(patterns(values, thorough=thorough))
        assert not looking.find(b'"a5aa1d1031152abce638c8dbcb04b120"')
        for leak in (b"id d1031152,", b"D1031152", b"xD1031152x", b"from%20D1031152"):
            assert looking.find(leak), leak
        # Snappy writes what it had before as a reference, so that a pseudonym stands in pieces.
        assert not looking.find(b"PAR1\x04c9%D,02d103115216\x0e\x8f", packed=True)
