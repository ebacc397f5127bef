"""AES-256-CMAC of whole columns: the standard's codes, computed for all values at once."""

from __future__ import annotations

import binascii
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    import pyarrow.compute as pc
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    # Block by block the cipher is applied to columns of independent messages, hence ECB; the
    # chaining is CMAC's own.
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305

    def encrypt(blocks: Any) -> Any:
        sealed = cipher.update(np.ascontiguousarray(blocks).tobytes())
        return np.frombuffer(sealed, np.uint8).reshape(-1, _BLOCK)

    first = _doubled(encrypt(np.zeros((1, _BLOCK), np.uint8))[0])
    second = _doubled(first)
    prefix = np.frombuffer(
        hashlib.blake2b(domain.encode(), digest_size=_BLOCK).digest(), np.uint8
    ).reshape(1, _BLOCK)
    begun = encrypt(prefix).view(np.uint64)
    result = np.empty((len(values), _BLOCK), np.uint8)
    lengths = np.asarray(pc.binary_length(values))
    counts = (lengths + _BLOCK - 1) // _BLOCK
    for count in range(counts.min(), counts.max() + 1) if len(counts) else ():
        rows = np.flatnonzero(counts == count)
        every = len(rows) == len(values)
        if count == 0:
            result[rows] = encrypt(prefix ^ first)
        elif len(rows):
            group = values if every else values.take(pa.array(rows))
            messages = _padded(group, lengths if every else lengths[rows], int(count) * _BLOCK)
            full = (lengths if every else lengths[rows]) == int(count) * _BLOCK
            last = messages[:, -2:]
            last ^= second.view(np.uint64)
            if full.any():
                last[full] ^= (first ^ second).view(np.uint64)
            state = begun
            for index in range(count):
                state = encrypt(state ^ messages[:, 2 * index : 2 * index + 2]).view(np.uint64)
            if every:
                return state.view(np.uint8)
            result[rows] = state.view(np.uint8)
    return result


def hexadecimal(digests: Any) -> pa.Array:
    """Write codes of shape (n, 16) as text of 32 hexadecimal digits."""
    import numpy as np
    import pyarrow as pa

    offsets = np.arange(len(digests) + 1, dtype=np.int32) * 32
    text = binascii.hexlify(np.ascontiguousarray(digests).data)
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(offsets), pa.py_buffer(text))


def _padded(values: pa.Array, lengths: Any, width: int) -> Any:
    """Return the values as CMAC pads them: a one and zeros behind those shorter than `width`.

    Returns
    -------
    numpy.ndarray of uint64, shape (n, width / 8)
    """
    import numpy as np
    import pyarrow.compute as pc

    length = int(lengths[0])
    padded = np.empty((len(values), width), np.uint8)
    if bool((lengths == length).all()):  # as numbers of customers are
        padded[:, :length] = _bytes(values, length)
        padded[:, length:] = 0
        padded[:, length : length + 1] = 0x80
    else:
        padded[:] = _bytes(pc.ascii_rpad(values, width, padding="\0"), width)
        short = np.flatnonzero(lengths < width)
        padded[short, lengths[short]] = 0x80
    return padded.view(np.uint64)


def _bytes(values: pa.Array, length: int) -> Any:
    """Return the bytes of values of one length, shape (n, length)."""
    import numpy as np

    offsets = np.frombuffer(values.buffers()[1], np.int32)
    start = offsets[values.offset]
    data = np.frombuffer(values.buffers()[2], np.uint8)
    return data[start : start + length * len(values)].reshape(-1, length)


def _doubled(block: Any) -> Any:
    """Double an element of GF(2^128), as CMAC derives its subkeys."""
    import numpy as np

    number = int.from_bytes(block.tobytes(), "big") << 1
    if number >> 128:
        number = (number & ((1 << 128) - 1)) ^ 0x87
    return np.frombuffer(number.to_bytes(_BLOCK, "big"), np.uint8)
