"""Check digits and number ranges of payment cards and bank accounts.

Written by hand beside python-stdnum, which knows no ranges of cards, checks one number at a time
(15 us; whole columns here take 0.1 us a number), and does not tell an account's length, by which it
is cut out of a text. National numbers are checked by python-stdnum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Length of an IBAN by country (SWIFT IBAN registry, release 97).
IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FO FI GL NL SD FK",
        19: "MK SI",
        20: "AT BA EE KZ XK LT LU MN",
        21: "HR LV LI CH",
        22: "BH BG CR GE DE IE ME RS GB VA",
        23: "TL GI IQ IL OM SO AE",
        24: "AD CZ MD PK RO SA SK ES SE TN VG DZ",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MR MC SM",
        28: "AL AZ BY CY DO SV GT HU LB NI PL HN",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
#: First digits of payment cards and their lengths (ISO/IEC 7812; the networks' published ranges):
#: lowest prefix, highest prefix, lengths.
CARD_RANGES = (
    (4, 4, (13, 16, 19)),  # Visa
    (51, 55, (16,)),  # Mastercard
    (2221, 2720, (16,)),
    (34, 34, (15,)),  # American Express
    (37, 37, (15,)),
    (300, 305, (14,)),  # Diners Club
    (3095, 3095, (14,)),
    (36, 36, (14,)),
    (38, 39, (14,)),
    (6011, 6011, (16, 19)),  # Discover
    (644, 659, (16, 19)),
    (62, 62, (16, 19)),  # UnionPay
    (3528, 3589, (16,)),  # JCB
    (1800, 1800, (15,)),
    (2131, 2131, (15,)),
    (2200, 2204, (16,)),  # Mir
    *((prefix, prefix, (12, 13, 16, 19)) for prefix in (5018, 5020, 5038, 5893, 6304, 6759)),
    (6761, 6763, (12, 13, 16, 19)),  # Maestro
)
#: What more a card may begin with where the text says that it is one: all that networks ever had.
_WIDE_RANGES = ((35, 35), (50, 50), (56, 58), (60, 60), (63, 63), (66, 69))


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1."""
    total = sum(map(int, digits[-1::-2]))
    return (total + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])) % 10 == 0


def card(digits: str, *, named: bool = False) -> bool:
    """Whether digits are a payment card number.

    Parameters
    ----------
    digits
        Without separators.
    named
        Whether the text around them speaks of a card. Without that, numbers of 12 digits, and
        those of 13 that are a valid EAN-13 as well, do not count: most are article numbers.
    """
    if not 12 <= len(digits) <= 19 or digits == digits[0] * len(digits) or not luhn(digits):
        return False
    if named and any(low <= int(digits[:2]) <= high for low, high in _WIDE_RANGES):
        return True
    if not named and (len(digits) == 12 or (len(digits) == 13 and ean13(digits))):
        return False
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high
        for low, high, lengths in CARD_RANGES
    )


def cards(numbers: np.ndarray) -> np.ndarray:
    """Return which numbers have the length, first digits and check digit of a card.

    Parameters
    ----------
    numbers : uint64 (n,)

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
        A superset of what `card` says of a number that nobody names; of few values.
    """
    import numpy as np

    result = np.zeros(len(numbers), bool)
    for length in (13, 14, 15, 16, 19):
        some = np.flatnonzero(
            (numbers >= np.uint64(10 ** (length - 1))) & (numbers < np.uint64(10**length))
        )
        result[some] = _in_ranges(numbers[some], length)
        some = some[result[some]]
        rest, total = numbers[some], np.zeros(len(some), np.uint64)
        for position in range(length):
            rest, digit = np.divmod(rest, np.uint64(10))
            if position % 2:
                digit = digit * np.uint64(2)
                digit -= (digit > 9) * np.uint64(9)
            total += digit
        result[some] = total % np.uint64(10) == 0
    return result


def _in_ranges(numbers: np.ndarray, length: int) -> np.ndarray:
    import numpy as np

    result = np.zeros(len(numbers), bool)
    for low, high, lengths in CARD_RANGES:
        if length in lengths:
            scale = 10 ** (length - len(str(low)))
            result |= (numbers >= np.uint64(low * scale)) & (
                numbers <= np.uint64((high + 1) * scale - 1)
            )
    return result


def ean13(digits: str) -> bool:
    """Whether 13 digits are an article number of GS1."""
    return (sum(map(int, digits[0::2])) + 3 * sum(map(int, digits[1::2]))) % 10 == 0


def iban(text: str) -> bool:
    """Whether a text without blanks is an IBAN: its country's length, and ISO 7064 mod 97-10."""
    text = text.upper()
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not (text.isascii() and text.isalnum()):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1
