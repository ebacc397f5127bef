"""Replace personal values by keyed pseudonyms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstack.data.privacy.cmac import codes, hexadecimal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


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
