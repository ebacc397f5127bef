from __future__ import annotations

import pytest

from contract.shop import NOTE, POSTCODE, YEAR, anonymity, load, refused
from quickstack.facts.contract.model import Anonymity, Generalisation

COLUMNS = [
    # what is replaced, by what, the column, its fields
    (
        POSTCODE,
        "          - {property: personalData, value: generalise}\n"
        "          - {property: generalisation, value: prefix 3}\n"
        "          - {property: severity, value: {pattern: warning}}\n",
        (
            "postcode",
            {
                "personal": "generalise",
                "generalisation": Generalisation("prefix", 3),
                "severities": (("pattern", "warning"),),
                "interim_type": "string",
            },
        ),
    ),
    (
        POSTCODE,
        "          - {property: personalData, value: keep}\n",
        ("postcode", {"personal": "keep", "interim_type": "string"}),
    ),
    (
        NOTE,
        NOTE + "        customProperties:\n"
        "          - {property: allowedFindings, value: [email, echo]}\n",
        ("note", {"allowed_findings": ("email", "leaked_value")}),
    ),
    *(
        (
            f"      - name: {name}\n        logicalType: {kind}\n",
            f"      - name: {name}\n        logicalType: {kind}\n"
            "        classification: personal\n        customProperties:\n"
            "          - {property: personalData, value: generalise}\n"
            f"          - {{property: generalisation, value: {text}}}\n",
            (name, {"generalisation": wanted, "interim_type": interim}),
        )
        for name, kind, text, wanted, interim in (
            ("born", "date", "decade", Generalisation("decade"), "date"),
            ("born", "date", "quarter", Generalisation("quarter"), "date"),
            ("sold", "timestamp", "month", Generalisation("month"), "date"),
            ("sold", "timestamp", "year", Generalisation("year"), "date"),
        )
    ),
]


@pytest.mark.parametrize(("old", "new", "wanted"), [c for c in COLUMNS if c[2]])
def test_properties_of_a_column(tmp_path, old, new, wanted):
    name, fields = wanted
    column = load(tmp_path, (old, new)).column(name)
    assert {field: getattr(column, field) for field in fields} == fields
    if column.severities:
        assert (column.severity("pattern"), column.severity("type")) == ("warning", "error")


def test_a_number_becomes_its_band(tmp_path):
    personal = YEAR.replace(
        "integer\n",
        "integer\n        classification: personal\n        customProperties:\n"
        "          - {property: personalData, value: generalise}\n"
        "          - {property: generalisation, value: band 10}\n",
        1,
    )
    column = load(tmp_path, (YEAR, personal)).tables[0].column("year")
    assert (column.generalisation, column.interim_type) == (Generalisation("band", 10), "string")


def generalised(name, kind, text):
    head = f"      - name: {name}\n        logicalType: {kind}\n"
    return head, head + (
        "        classification: personal\n        customProperties:\n"
        "          - {property: personalData, value: generalise}\n"
        f"          - {{property: generalisation, value: {text}}} # §\n"
    )


WRONG_COLUMNS = [
    (*generalised("born", "date", "prefix 3"), "write month or quarter or year or decade"),
    (*generalised("weight", "number", "month"), "write band 10"),
    (*generalised("weight", "number", "band ten"), "needs one whole number above 0"),
    (*generalised("weight", "number", "band 0"), "needs one whole number above 0"),
    (*generalised("born", "date", "month 3"), "takes no number; write month"),
    (*generalised("born", "date", "decades"), "did you mean 'decade'"),
    (*generalised("paid", "boolean", "month"), "drop it, or give it a pseudonym"),
    (*generalised("number", "integer", "band 10"), "would no longer tell rows apart"),
    (
        POSTCODE,
        "          - {property: personalData, value: generalise} # §\n",
        "add the custom property generalisation: prefix 3",
    ),
    (
        POSTCODE,
        POSTCODE + "          - {property: generalisation, value: prefix 3} # §\n",
        "needs the property personalData: generalise",
    ),
    (POSTCODE, POSTCODE.replace("drop}", "generalize} # §"), "did you mean 'generalise'"),
    (
        NOTE,
        NOTE + "        customProperties:\n          - {property: personalData, value: keep} # §\n",
        "needs `classification: personal`",
    ),
    (
        NOTE,
        NOTE + "        customProperties:\n"
        "          - {property: allowedFindings, value: [e-mail]} # §\n",
        "did you mean 'email'",
    ),
    (
        NOTE,
        NOTE
        + "        customProperties:\n          - {property: allowedFindings, value: ip} # §\n",
        "'allowedFindings' must be a list",
    ),
    (
        POSTCODE,
        POSTCODE + "          - {property: severity, value: {patern: stop}} # §\n",
        "'pattern'",
    ),
    (POSTCODE, POSTCODE + "          - {property: severity, value: {pattern: info}} # §\n", "stop"),
    (POSTCODE, POSTCODE + "          - {property: severity, value: stop} # §\n", "be a mapping"),
    (
        POSTCODE,
        POSTCODE + "          - {property: severity, value: {length: stop}} # §\n",
        "no rule",
    ),
    (r"pattern: '^[0-9]{5}$'}", r"pattern: '^(?!0)[0-9]{5}$'} # §", "what RE2 does not have"),
    (r"pattern: '^[0-9]{5}$'}", r"pattern: '(a)\1'} # §", "what RE2 does not have"),
    (
        "        logicalType: timestamp\n",
        "        logicalType: timestamp\n        logicalTypeOptions: {format: 'HH:mm'} # §\n",
        "names no year",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), WRONG_COLUMNS)
def test_a_wrong_property_of_a_column(tmp_path, old, new, sentence):
    refused(tmp_path, sentence, (old, new))


@pytest.mark.parametrize(
    ("property_", "sentence"),
    [
        ("generalise}\n          - {property: generalisation, value: month", "no longer orders"),
        ("drop", "is dropped; keep it"),
    ],
)
def test_a_time_column_must_stay_exact(tmp_path, property_, sentence):
    head = "      - name: sold\n        logicalType: timestamp\n"
    personal = (
        "        classification: personal\n        customProperties:\n"
        f"          - {{property: personalData, value: {property_}}}\n"
    )
    time = "  - {property: timeColumn, value: sold} # §\n  - {property: period, value: month}\n"
    test = "  - {property: testFrom, value: '2025-01-01'}\n"
    share = "  - {property: testShare, value: 0.2}\n"
    refused(tmp_path, sentence, (head, head + personal), (share, time + test))


def test_anonymity(tmp_path):
    assert load(tmp_path).anonymity is None
    contract = load(tmp_path, anonymity("{k: 5, columns: [born, note], subject: customer}"))
    assert contract.anonymity == Anonymity(5, ("born", "note"), "customer")
    assert load(tmp_path, anonymity("{k: 2, columns: [born]}")).anonymity == Anonymity(2, ("born",))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{k: 1, columns: [born]}", "2 or more"),
        ("{k: true, columns: [born]}", "2 or more"),
        ("{k: 5}", "kAnonymity needs columns"),
        ("{k: 5, columns: [bron]}", "did you mean 'born'"),
        ("{k: 5, columns: [born, born]}", "stands here twice"),
        ("{k: 5, columns: [postcode]}", "is dropped"),
        ("{k: 5, columns: [born], subject: nobody}", "'nobody' in kAnonymity is not a column"),
        ("{k: 5, columns: [born], subject: postcode}", "is dropped"),
        ("{k: 5, columns: [born], subject: born}", "leave it out of columns"),
        ("{k: 5, columns: [born], subjects: note}", "did you mean 'subject'"),
        ("[born]", "'kAnonymity' must be a mapping"),
    ],
)
def test_wrong_anonymity(tmp_path, text, sentence):
    old, new = anonymity(text)
    refused(tmp_path, sentence, (old, new.rstrip("\n") + " # §\n"))
