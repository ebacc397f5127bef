"""National numbers of persons by country: their shape, and their check digits by python-stdnum.

A single value may pass by chance; a column of them does not. Where python-stdnum knows no number of
a country, its few lines are here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module

#: Module of python-stdnum to the shape of its numbers, as people write them. Numbers without a
#: check digit need their separators; shapes of persons alone, where companies share the scheme.
_SHAPES = {
    "ar.cuit": r"(?:20|23|24|27)-?\d{8}-?\d",
    "at.vnr": r"\d{4} ?\d{6}",
    "au.tfn": r"\d{3} ?\d{3} ?\d{3}",
    "be.nn": r"\d{2}\.?\d{2}\.?\d{2}-?\d{3}[.\-]?\d{2}",
    "bg.egn": r"\d{10}",
    "br.cpf": r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}",
    "ca.sin": r"[1-79]\d{2}([ \-])\d{3}\1\d{3}",
    "ch.ssn": r"756\.?\d{4}\.?\d{4}\.?\d{2}",
    "cl.rut": r"[1-4]?\d\.?\d{3}\.?\d{3}-[\dkK]",
    "cn.ric": r"\d{17}[\dxX]",
    "cr.cpf": r"\d{1,2}-\d{4}-\d{4}",
    "cz.rc": r"\d{6}/?\d{3,4}",
    "de.idnr": r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
    "dk.cpr": r"\d{6}-\d{4}",
    "do.cedula": r"\d{3}-?\d{7}-?\d",
    "ec.ci": r"\d{10}",
    "ee.ik": r"[1-6]\d{10}",
    "es.dni": r"\d{8}-?[A-Za-z]",
    "es.nie": r"[XYZ]-?\d{7}-?[A-Z]",
    "fi.hetu": r"\d{6}[\-+A-FU-Y]\d{3}[\dA-Y]",
    "fr.nif": r"[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}",
    "fr.nir": r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}",
    "gb.nhs": r"\d{3}([ \-]?)\d{3}\1\d{4}",
    "gr.amka": r"\d{11}",
    "hr.oib": r"\d{11}",
    "id.nik": r"\d{16}",
    "ie.pps": r"\d{7}[A-W][ABHWTX]?",
    "il.idnr": r"\d{8}-?\d",
    "in_.aadhaar": r"\d{4}([ \-]?)\d{4}\1\d{4}",
    "in_.pan": r"[A-Z]{3}P[A-Z]\d{4}[A-Z]",
    "is_.kennitala": r"\d{6}-?\d{4}",
    "it.codicefiscale": r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]",
    "jp.in_": r"\d{4}([ \-]?)\d{4}\1\d{4}",
    "kr.rrn": r"\d{6}-?\d{7}",
    "lt.asmens": r"[3-6]\d{10}",
    "lv.pvn": r"\d{6}-?\d{5}",
    "mx.curp": r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d",
    "mx.rfc": r"[A-ZÑ&]{4} ?\d{6} ?[A-Z\d]{3}",
    "my.nric": r"\d{6}-\d{2}-\d{4}",
    "nl.bsn": r"\d{9}",
    "no.fodselsnummer": r"\d{6} ?\d{5}",
    "pe.cui": r"\d{8}-?[\dA-K]",
    "pk.cnic": r"\d{5}-\d{7}-\d",
    "pl.pesel": r"\d{11}",
    "pt.cc": r"\d{8} ?\d ?[A-Z\d]{2}\d",
    "pt.nif": r"[123]\d{2} ?\d{3} ?\d{3}",
    "ro.cnp": r"[1-9]\d{12}",
    "ru.inn": r"\d{12}",
    "se.personnummer": r"(?:\d{2})?\d{6}[\-+]?\d{4}",
    "si.emso": r"\d{13}",
    "th.pin": r"\d(-?)\d{4}\1\d{5}\1\d{2}\1\d",
    "tr.tckimlik": r"[1-9]\d{10}",
    "ua.rntrc": r"\d{10}",
    "us.itin": r"9\d{2}-\d{2}-\d{4}",
    "us.ssn": r"\d{3}([ \-])\d{2}\1\d{4}",
    "ve.rif": r"[VE]-?\d{8}-?\d",
    "za.idnr": r"\d{6} ?\d{4} ?\d{3}",
}


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _hong_kong(text: str) -> bool:
    """Whether the last character of an identity card's number checks the others (modulo 11)."""
    text = re.sub(r"[()]", "", text).rjust(9)
    parts = [36 if c == " " else int(c, 36) for c in text[:-1]]
    last = 10 if text[-1] == "A" else int(text[-1], 36)
    return (
        sum(part * weight for part, weight in zip(parts, range(9, 1, -1), strict=True)) + last
    ) % 11 == 0


def _russian_insurance(text: str) -> bool:
    """Whether the last two digits of a SNILS check the others (modulo 101)."""
    digits = re.sub(r"\D", "", text)
    return _weighted(digits[:9], (9, 8, 7, 6, 5, 4, 3, 2, 1)) % 101 % 100 == int(digits[9:])


def _singapore(text: str) -> bool:
    """Whether the letter of an NRIC or FIN checks its digits (modulo 11)."""
    total = _weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if text[0] in "TG" else 0)
    return text[8] == ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[total % 11]


def _taiwan(text: str) -> bool:
    """Whether the last digit of an identity card's number checks the others (modulo 10)."""
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    return _weighted(f"{first}{text[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


_OTHERS: dict[str, tuple[str, Callable[[str], bool]]] = {
    # No check digit, and letters that HMRC gives out.
    "gb.nino": (
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]( ?)\d{2}\1\d{2}\1\d{2}\1[A-D]", lambda _: True,
    ),
    "hk.hkid": (r"[A-Z]{1,2}\d{6}\(?[\dA]\)?", _hong_kong),
    "ru.snils": (r"\d{3}-\d{3}-\d{3}[ \-]\d{2}", _russian_insurance),
    "sg.nric": (r"[STFG]\d{7}[A-Z]", _singapore),
    "tw.id": (r"[A-Z][1289]\d{8}", _taiwan),
}  # fmt: skip


@cache
def _schemes() -> dict[str, tuple[re.Pattern[str], Callable[[str], bool]]]:
    found = {
        name: (re.compile(shape), import_module(f"stdnum.{name}").is_valid)
        for name, shape in _SHAPES.items()
    }
    return found | {name: (re.compile(shape), check) for name, (shape, check) in _OTHERS.items()}


def schemes(text: str) -> list[str]:
    """Return the countries' schemes by which a text may be a number of a person.

    Parameters
    ----------
    text
        A cell, whole.
    """
    if not 8 <= len(text) <= 20 or not any(map(str.isdigit, text)) or not text.isascii():
        return []
    return [
        name
        for name, (shape, check) in _schemes().items()
        if shape.fullmatch(text) and _passes(check, text)
    ]


def _passes(check: Callable[[str], bool], text: str) -> bool:
    try:
        return check(text)
    except Exception:  # python-stdnum 2.2 fails at some numbers of places that it does not know
        return False
