"""Replace personal values by keyed pseudonyms."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BLOCK = 16


def codes(values: pa.Array, key: bytes, domain: str) -> Any:
    """Return the message authentication code of each value.

    AES-CMAC (NIST SP 800-38B, RFC 4493) of the BLAKE2b-128 digest of the domain followed by the
    value in UTF-8. Nobody without the key can compute a code, test a guess or link two domains.

    Parameters
    ----------
    values : pyarrow.StringArray
        Without nulls.
    key
        32 bytes.
    domain
        Equal values have equal codes within a domain.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, 16)
    """
    import numpy as np
    import pyarrow as pa
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    # Block by block the cipher is applied to columns of independent messages, hence ECB; the
    # chaining is CMAC's own.
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305

    def encrypt(blocks: Any) -> Any:
        sealed: Any = np.empty(
            (len(blocks) + 1, 2), np.uint64
        )  # the library wants room for one more
        cipher.update_into(memoryview(blocks).cast("B"), memoryview(sealed).cast("B"))
        return sealed[:-1]

    subkey = _doubled(encrypt(np.zeros((1, 2), np.uint64)))
    chain = _Chain(encrypt, _domain_block(domain), subkey, _doubled(subkey))
    lengths = _lengths(values)
    if not len(lengths) or lengths.min() == lengths.max():
        return chain.codes(values, lengths).view(np.uint8)
    result = np.empty((len(values), 2), np.uint64)
    counts = (lengths + _BLOCK - 1) >> 4
    for count in range(counts.min(), counts.max() + 1):
        rows = np.flatnonzero(counts == count)
        if len(rows):
            found = chain.codes(values.take(pa.array(rows)), lengths[rows])
            for side in (0, 1):  # faster than whole rows
                result[rows, side] = found[:, side]
    return result.view(np.uint8)


@dataclass(frozen=True)
class _Chain:
    """What codes of one key and domain need.

    Attributes
    ----------
    encrypt
        Takes and gives uint64 (n, 2).
    domain : uint64 (2,)
        What each message begins with.
    full, padded : uint64 (2,)
        CMAC's subkeys, for messages whose last block is full, and for the others.
    """

    encrypt: Callable[[Any], Any]
    domain: Any
    full: Any
    padded: Any

    def codes(self, values: pa.Array, lengths: Any) -> Any:
        """Return the codes of values of as many blocks each: uint64 (n, 2)."""
        import numpy as np

        if not len(values):
            return np.empty((0, 2), np.uint64)
        count = -(-int(lengths[0]) // _BLOCK)
        if not count:
            return np.repeat(self.encrypt((self.domain ^ self.full)[None]), len(values), axis=0)
        blocks = _padded(values, lengths, count * _BLOCK)
        state = self.encrypt(self.domain[None])
        for index in range(count - 1):
            state = self.encrypt(_xor(state, blocks[:, 2 * index : 2 * index + 2]))
        last = _xor(_xor(state, self.padded), blocks[:, -2:])
        full = np.flatnonzero(lengths == count * _BLOCK)
        last[full] ^= self.padded ^ self.full
        return self.encrypt(last)


def _xor(one: Any, other: Any) -> Any:
    """Combine uint64 (n, 2), or (2,) for every row; numpy is slow along an axis of two."""
    import numpy as np

    result = np.empty(np.broadcast_shapes(one.shape, other.shape), np.uint64)
    for side in (0, 1):
        np.bitwise_xor(one[..., side], other[..., side], out=result[..., side])
    return result


def hexadecimal(digests: Any) -> pa.Array:
    """Write codes of shape (n, 16) as text of 32 hexadecimal digits."""
    import numpy as np
    import pyarrow as pa

    offsets = np.arange(len(digests) + 1, dtype=np.int32) * 32
    # Unlike binascii.hexlify, this leaves the other threads free to work.
    text = _digits().take(np.ascontiguousarray(digests).view(np.uint16))
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(offsets), pa.py_buffer(text))


@cache
def _digits() -> Any:
    """Return the four digits of every two bytes: uint32 (65536,)."""
    import numpy as np

    pairs = np.arange(1 << 16, dtype=np.uint16)
    return np.frombuffer(binascii.hexlify(pairs.data), np.uint32)


def _padded(values: pa.Array, lengths: Any, width: int) -> Any:
    """Return the values as CMAC pads them: a one and zeros behind those shorter than `width`.

    Returns
    -------
    numpy.ndarray of uint64, shape (n, width / 8)
    """
    import numpy as np
    import pyarrow.compute as pc

    length = int(lengths[0])
    if bool((lengths == length).all()):  # as numbers of customers are
        padded = _bytes(values, length).view(f"S{length}").astype(f"S{width}")
        padded = padded.view(np.uint8).reshape(-1, width)
        padded[:, length : length + 1] = 0x80
    else:
        padded = _bytes(pc.ascii_rpad(values, width, padding="\0"), width).copy()
        short = np.flatnonzero(lengths < width)
        padded[short, lengths[short]] = 0x80
    return padded.view(np.uint64)


def _lengths(values: pa.Array) -> Any:
    """Return the bytes of each value: int32."""
    import numpy as np

    if not len(values):
        return np.empty(0, np.int32)
    offsets = np.frombuffer(values.buffers()[1], np.int32)
    return np.diff(offsets[values.offset : values.offset + len(values) + 1])


def _bytes(values: pa.Array, length: int) -> Any:
    """Return the bytes of values of one length, shape (n, length)."""
    import numpy as np

    offsets = np.frombuffer(values.buffers()[1], np.int32)
    start = offsets[values.offset]
    data = np.frombuffer(values.buffers()[2], np.uint8)
    return data[start : start + length * len(values)].reshape(-1, length)


def _domain_block(domain: str) -> Any:
    """Return what each message of a domain begins with: uint64 (2,)."""
    import numpy as np

    return np.frombuffer(hashlib.blake2b(domain.encode(), digest_size=_BLOCK).digest(), np.uint64)


def _doubled(block: Any) -> Any:
    """Double an element of GF(2^128), as CMAC derives its subkeys: uint64 (2,)."""
    import numpy as np

    number = int.from_bytes(block.tobytes(), "big") << 1
    if number >> 128:
        number = (number & ((1 << 128) - 1)) ^ 0x87
    return np.frombuffer(number.to_bytes(_BLOCK, "big"), np.uint64)


def pseudonymise(
    values: pa.Array, key: bytes, domain: str, computed: np.ndarray | None = None
) -> pa.Array:
    """Replace each distinct value by 32 hexadecimal digits.

    The digits are the value's AES-CMAC, see `quickstack.data.privacy.cmac`: one value has one
    pseudonym within a domain, and nobody without the key can tell or test which value it was.

    Parameters
    ----------
    values : pyarrow.Array
        string, a dictionary of strings, or int64; a null stays null.
    key
        32 bytes.
    domain
        Columns of one domain give equal values equal pseudonyms.
    computed
        The codes of plain text without nulls, where they are known already.

    Returns
    -------
    pyarrow.DictionaryArray of string, int32 indices; pyarrow.StringArray for plain text
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if computed is not None:
        return hexadecimal(computed)
    if not pa.types.is_dictionary(values.type):
        text = values.cast(pa.string())
        tokens = hexadecimal(codes(text.drop_null(), key, domain))
        if not text.null_count:
            return tokens
        places = pc.subtract(pc.cumulative_sum(text.is_valid().cast(pa.int32())), 1)
        return tokens.take(pc.if_else(text.is_valid(), places, None))
    tokens = hexadecimal(codes(values.dictionary, key, domain))
    return pa.DictionaryArray.from_arrays(values.indices, tokens)
