"""Codes of whole columns are AES-CMAC's own."""

from __future__ import annotations

import hashlib

import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from quickstack.data.privacy.pseudonyms import codes, hexadecimal

KEY = bytes(range(32))


def reference(value: str, key: bytes, domain: str) -> bytes:
    mac = CMAC(AES(key))
    mac.update(hashlib.blake2b(domain.encode(), digest_size=16).digest() + value.encode())
    return mac.finalize()


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=1, max_size=20))
def test_each_code_is_that_of_the_library(values: list[str]) -> None:
    found = codes(pa.array(values, pa.string()), KEY, "customer")
    assert [code.tobytes() for code in found] == [reference(v, KEY, "customer") for v in values]


def test_block_edges_and_slices() -> None:
    values = ["", "a", "x" * 15, "x" * 16, "x" * 17, "x" * 32, "é" * 8, "é" * 9]
    column = pa.array(["before", *values, "after"], pa.string()).slice(1, len(values))
    found = codes(column, KEY, "d")
    assert [code.tobytes() for code in found] == [reference(v, KEY, "d") for v in values]
    assert hexadecimal(found).to_pylist() == [reference(v, KEY, "d").hex() for v in values]


def test_key_and_domain_change_everything() -> None:
    column = pa.array(["C0000001"], pa.string())
    one = codes(column, KEY, "customer").tobytes()
    assert one != codes(column, KEY, "account").tobytes()
    assert one != codes(column, bytes(32), "customer").tobytes()
