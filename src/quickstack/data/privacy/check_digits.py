"""Check digits and number ranges of payment cards, bank accounts and national identifiers."""

from __future__ import annotations

from datetime import date
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


def german_tax_id(digits: str) -> bool:
    """Whether 11 digits are a Steuer-ID: one digit repeats among ten, and ISO 7064 mod 11,10."""
    if digits[0] == "0" or sorted(map(digits[:10].count, set(digits[:10])))[-2:] not in (
        [1, 2],
        [1, 3],
    ):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def french_nir(text: str) -> bool:
    """Whether 15 characters are a NIR: sex, month, and the key 97 - n mod 97 (Corsica: 2A, 2B)."""
    month = int(text[3:5])
    if text[0] not in "12" or not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    department = {"2A": "19", "2B": "18"}.get(text[5:7].upper(), text[5:7])
    return 97 - int(text[:5] + department + text[7:13]) % 97 == int(text[13:])


def spanish_id(text: str) -> bool:
    """Whether a text is a DNI or NIE: the letter is the number mod 23."""
    number = text[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1].upper()


def italian_code(text: str) -> bool:
    """Whether 16 characters are a codice fiscale: the last letter checks the others."""
    odd = bytes.fromhex("01000507090d0f11131502041214 0b030608 0c0e100a16191817")
    numbers = [int(c) if c.isdigit() else ord(c) - ord("A") for c in text.upper()[:15]]
    total = sum(odd[n] for n in numbers[0::2]) + sum(numbers[1::2])
    return chr(ord("A") + total % 26) == text[-1].upper()


def dutch_bsn(digits: str) -> bool:
    """Whether 9 digits are a BSN: weights 9 to 2 and -1, mod 11."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(w * int(d) for w, d in zip(weights, digits, strict=True))
    return total % 11 == 0 and digits != "0" * 9


def polish_pesel(digits: str) -> bool:
    """Whether 11 digits are a PESEL: a birth date, and weights 1, 3, 7, 9 mod 10."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    total = sum(w * int(d) for w, d in zip(weights, digits, strict=True))
    return _is_day(int(digits[2:4]) % 20, int(digits[4:6])) and total % 10 == 0


def belgian_number(digits: str) -> bool:
    """Whether 11 digits are a rijksregisternummer: 97 - n mod 97, from 2000 on with a 2 before."""
    check = int(digits[9:])
    return check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def brazilian_cpf(digits: str) -> bool:
    """Whether 11 digits are a CPF: two check digits mod 11."""
    if digits == digits[0] * 11:
        return False
    for size in (9, 10):
        total = sum((size + 1 - i) * int(digits[i]) for i in range(size))
        if total * 10 % 11 % 10 != int(digits[size]):
            return False
    return True


def finnish_hetu(text: str) -> bool:
    """Whether a text is a henkilötunnus: DDMMYY, NNN and a character that is their number mod 31.

    The sign of the century between them, of which the hyphen may be left out, is not checked.
    """
    number = int(text[:6] + text[-4:-1])
    return (
        _is_day(int(text[2:4]), int(text[:2]))
        and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == text[-1].upper()
    )


def swedish_number(digits: str) -> bool:
    """Whether 10 digits (YYMMDDNNNC) are a personnummer: a date, and Luhn."""
    return _is_day(int(digits[2:4]), int(digits[4:6])) and luhn(digits)


def american_ssn(digits: str) -> bool:
    """Whether 9 digits can be a Social Security number (SSA: area, group, serial)."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_day(month: int, day: int) -> bool:
    try:
        date(2000, month, day)
    except ValueError:
        return False
    return True
