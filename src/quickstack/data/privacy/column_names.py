"""What a column's name says about the personal data in it."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

#: What can be found, as contracts name it in `allowedFindings`.
KINDS = ("email", "phone", "iban", "card", "ip", "mac", "national_id")
#: Kinds that the words of a column's name promise. What detection verifies comes before the rest
#: (`email_address` is no street), then longer words before shorter ones.
_NAMES = {
    "email": "email mail e_mail emailaddress",
    "phone": "phone telephone telefon tel mobile mobil handy cell fax msisdn telefono movil",
    "iban": "iban",
    "card": "pan creditcard cardnumber cardno card_number card_no credit_card ccnumber cc_number",
    "ip": "ip ipaddress ip_address ipv4 ipv6 client_ip remote_addr",
    "mac": "macaddress mac_address",
    "national_id": (
        "ssn nino bsn pesel personnummer steuerid nir dni nie national_id nationalid soc_sec "
        "social_security socialsecurity tax_id taxid national_insurance passport"
    ),
    "name": (
        "firstname lastname surname fullname givenname first_name last_name full_name given_name "
        "maiden_name mothersmaiden middle_name middleinitial vorname nachname nom prenom apellido "
        "nombre cognome customer_name person_name family_name"
    ),
    "birth": "birth birthday birthdate dob born geburtstag geburtsdatum naissance nacimiento",
    "street": "street streetaddress address adresse strasse straße rue calle via anschrift",
    "postcode": "postcode postal zip zipcode postal_code zip_code plz",
    "city": "city town suburb ort stadt ville ciudad locality",
    "username": "username user_name login nickname",
    "licence_plate": "licence_plate license_plate number_plate kennzeichen",
}


def suspicious_name(name: str) -> str | None:
    """Return the kind of personal data that a column's name promises, if any.

    Parameters
    ----------
    name
        `dateOfBirth`, `customer_first_name`, `SSN` …

    Returns
    -------
    str or None
        One of KINDS, or `name`, `birth`, `street`, `postcode`, `city`, `username`,
        `licence_plate`.
    """
    spaced = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-Z])", "_", name)
    words = "_" + re.sub(r"[\W_]+", "_", spaced).lower().strip("_") + "_"
    return next((kind for kind, word in _by_length() if f"_{word}_" in words), None)


@cache
def _by_length() -> list[tuple[str, str]]:
    pairs = [(kind, word) for kind, words in _NAMES.items() for word in words.split()]
    return sorted(pairs, key=lambda pair: (pair[0] not in KINDS, -len(pair[1])))
