"""Measure how much personal data the detection finds, beside Presidio's recognisers.

Run it with the environment's Python: `python benchmarks/personal_data.py`. It reads the data sets
`pii/faker_own`, `pii/febrl` and `pii/presidio_research` from the folder that QUICKSTACK_TEST_DATA
names (default: `../shared/data`). Presidio is measured where it can be imported (`pip install
presidio-analyzer` into an environment of its own: it is no dependency of this project), with its
engine without a language model and all of its recognisers, at the score of 0.4 that its own
documentation takes for examples.

How to read it:

- columns: each cell of a column is one case. Recall is the share of the cells of a kind that were
  found to be of that kind; precision is the share of the findings of that kind, over all cells of
  all columns, that are right. `named` is told the column's name, as `ingest` tells it; `blind` not.
- whole columns: each column is one case, judged as `ingest` judges it: found where the run would
  stop. `plain` has the tables' headers, `translated` those of the languages below, `nothing` has
  `c1`, `c2` and so on. A city and a postcode count beside a street. The hard negatives of the
  tables are among the columns, and so are those of the other data sets.
- free text: each note or sentence is one case, right where a text that holds a kind is found to.
- leaked values: persons' names in notes, searched for as values of a declared personal column.
- values per second: both on the same distinct values in the same run; only the ratio says much.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import pyarrow as pa  # noqa: E402 - the path comes first

from quickstack.data.privacy import column_evidence, leaked_values  # noqa: E402 - as above
from quickstack.data.privacy.detect import KINDS, detect  # noqa: E402 - the path comes first
from quickstack.facts.contract.model import FINDINGS  # noqa: E402 - as above

#: Kinds of the data sets' labels, of Presidio's, and of their columns.
LABELS = {
    "EMAIL": "email", "EMAIL_ADDRESS": "email", "PHONE": "phone", "PHONE_NUMBER": "phone",
    "IBAN": "iban", "IBAN_CODE": "iban", "CREDIT_CARD": "card", "IP_ADDRESS": "ip",
    "MAC_ADDRESS": "mac", "NATIONAL_ID": "national_id", "US_SSN": "national_id",
    "UK_NINO": "national_id", "US_ITIN": "national_id", "ES_NIF": "national_id",
    "ES_NIE": "national_id", "IT_FISCAL_CODE": "national_id", "PL_PESEL": "national_id",
    "FI_PERSONAL_IDENTITY_CODE": "national_id",
}  # fmt: skip
COLUMNS = {
    "email": "email", "phone": "phone", "iban": "iban", "card_number": "card", "ipv4": "ip",
    "ipv6": "ip", "mac": "mac", "national_id": "national_id", "EmailAddress": "email",
    "TelephoneNumber": "phone", "CCNumber": "card", "NationalID": "national_id",
}  # fmt: skip
#: What more whole columns are; a translated header stands for each.
WHOLE = COLUMNS | {
    "full_name": "name", "first_name": "name", "last_name": "name", "given_name": "name",
    "surname": "name", "GivenName": "name", "Surname": "name", "MothersMaiden": "name",
    "birth_date": "birth_date", "date_of_birth": "birth_date", "Birthday": "birth_date",
    "street": "street", "StreetAddress": "street", "address_1": "street", "city": "city",
    "City": "city", "suburb": "city", "postcode": "postcode", "ZipCode": "postcode",
    "username": "username", "Username": "username", "licence_plate": "licence_plate",
    "soc_sec_id": "national_id",
}  # fmt: skip
#: Labels of the tables that a whole column does not show, and columns that are left open.
OPEN = frozenset({"ipv4", "ipv6", "mac", "gps", "address_2", "MiddleInitial", "UPS"})
TRANSLATED = {
    "name": (
        "Vorname|Nachname|prénom|apellidos|sobrenome|cognome|achternaam|nazwisko|příjmení|"
        "vezetéknév|nume de familie|efternamn|etternavn|sukunimi|όνομα|фамилия|прізвище|soyadı|"  # noqa: RUF001 - Turkish
        "اسم العائلة|שם משפחה|نام خانوادگی|पूरा नाम|পুরো নাম|முழு பெயர்|ชื่อ-นามสกุล|"
        "họ và tên|nama lengkap|姓名|氏名|성명"
    ),
    "birth_date": (
        "Geburtsdatum|date de naissance|FechaNacimiento|data_de_nascimento|data di nascita|"
        "geboortedatum|data urodzenia|datum narození|születési dátum|data nașterii|födelsedatum|"
        "fødselsdato|syntymäaika|ημερομηνία γέννησης|Дата рождения|дата народження|doğum tarihi|"
        "تاريخ الميلاد|תאריך לידה|تاریخ تولد|जन्म तिथि|জন্ম তারিখ|วันเกิด|ngày sinh|tanggal lahir|"
        "出生日期|生年月日|생년월일"
    ),
    "street": (
        "Straße|rue|calle|rua|indirizzo|straat|ulica|ulice|utca|stradă|gatuadress|gade|katuosoite|"
        "οδός|улица|вулиця|sokak|الشارع|רחוב|خیابان|सड़क|ঠিকানা|ถนน|địa chỉ|alamat|地址|住所|주소"
    ),
    "city": (
        "Wohnort|ville|ciudad|cidade|città|woonplaats|miasto|město|város|oraș|postort|by|kaupunki|"
        "πόλη|город|місто|şehir|المدينة|עיר|شهر|शहर|শহর|เมือง|thành phố|kota|城市|市区町村|도시"
    ),
    "licence_plate": (
        "Kennzeichen|immatriculation|placa|matrícula|targa|kenteken|numer rejestracyjny|spz|"
        "rendszám|registreringsnummer|rekisterinumero|πινακίδα|госномер|номерний знак|plaka|"
        "رقم اللوحة|מספר רכב|پلاک|वाहन संख्या|ทะเบียนรถ|biển số xe|nopol|车牌号|車両番号|차량번호"
    ),
    "national_id": (
        "Steuer-ID|numéro de sécurité sociale|DNI|CPF|codice fiscale|BSN|PESEL|rodné číslo|"
        "adóazonosító|CNP|personnummer|cpr-nummer|henkilötunnus|ΑΦΜ|ИНН|РНОКПП|TC kimlik no|"
        "رقم الهوية|תעודת זהות|کد ملی|आधार संख्या|জাতীয় পরিচয়পত্র|เลขบัตรประชาชน|CCCD|NIK|"
        "身份证号|マイナンバー|주민등록번호"
    ),
    "phone": (
        "Telefonnummer|téléphone|móvil|telemóvel|cellulare|telefoon|numer telefonu|telefonní číslo|"
        "telefonszám|telefon|mobilnummer|puhelin|τηλέφωνο|телефон|cep telefonu|رقم الهاتف|טלפון|"
        "تلفن|मोबाइल नंबर|ফোন নম্বর|โทรศัพท์|số điện thoại|nomor telepon|手机号|電話番号|전화번호"
    ),
    "card": (
        "Kreditkarte|carte bancaire|tarjeta|cartão de crédito|carta di credito|creditcardnummer|"
        "numer karty|číslo karty|bankkártya|card de credit|kortnummer|kreditkort|luottokortti|"
        "αριθμός κάρτας|номер карты|номер картки|kredi kartı|رقم البطاقة|כרטיס אשראי|"  # noqa: RUF001 - Turkish
        "شماره کارت|"
        "कार्ड नंबर|কার্ড নম্বর|บัตรเครดิต|số thẻ|nomor kartu|信用卡号|カード番号|카드번호"
    ),
}  # fmt: skip
#: Febrl's `soc_sec_id` has seven digits of no real scheme, so that no finding in it is expected.
TABLES = (
    ("faker_own/customers_plain.csv", "utf-8"),
    ("febrl/dataset1.csv", "utf-8"),
    ("febrl/dataset2.csv", "utf-8"),
    ("presidio_research/FakeNameGenerator.com_100.csv", "utf-8-sig"),
)
#: What says for each text which kinds it holds; the second argument is a column's name or "".
Detector = Callable[[Sequence[str], str], list[set[str]]]


@dataclass
class Score:
    """Counts of one kind."""

    there: int = 0
    found: int = 0
    right: int = 0

    @property
    def recall(self) -> float | None:
        """The share of what is there that was found; None where nothing is there."""
        return self.right / self.there if self.there else None

    @property
    def precision(self) -> float | None:
        """The share of what was found that is there; None where nothing was found."""
        return self.right / self.found if self.found else None

    @property
    def shown(self) -> str:
        """Recall and precision with the counts behind them."""
        parts = ((self.recall, self.there), (self.precision, self.found))
        return " / ".join("-" if p is None else f"{p:.3f} ({n})" for p, n in parts)


def score(expected: Iterable[set[str]], found: Iterable[set[str]]) -> dict[str, Score]:
    """Count for each kind what was there, found and right."""
    scores = {kind: Score() for kind in KINDS}
    for there, seen in zip(expected, found, strict=True):
        for kind in KINDS:
            scores[kind].there += kind in there
            scores[kind].found += kind in seen
            scores[kind].right += kind in there and kind in seen
    return scores


def add(scores: Iterable[Mapping[str, Score]]) -> dict[str, Score]:
    """Sum counts."""
    total: dict[str, Score] = defaultdict(Score)
    for one in scores:
        for kind, counts in one.items():
            total[kind].there += counts.there
            total[kind].found += counts.found
            total[kind].right += counts.right
    return dict(total)


def columns(folder: Path) -> list[tuple[str, list[str], str | None]]:
    """Return each column's name, its distinct values and its kind."""
    found = []
    for name, encoding in TABLES:
        with (folder / name).open(encoding=encoding, newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
        for column in rows[0]:
            values = list(dict.fromkeys(row[column] for row in rows if row[column]))
            found.append((column, values, COLUMNS.get(column)))
    return found


def other_columns(folder: Path) -> list[tuple[str, list[str], str | None]]:
    """Return the columns of the data sets that hold nobody's data."""
    found = []
    for path in sorted(folder.parent.glob("[!p]*/*.csv")):
        delimiter = ";" if path.parent.name == "bank_marketing" else ","
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=delimiter))
        found += [(name, list(dict.fromkeys(row[name] for row in rows)), None) for name in rows[0]]
    return found


def headers(name: str, kind: str | None, number: int, mode: str) -> list[str]:
    """Return the headers under which a column is judged."""
    if mode == "nothing":
        return [f"c{number}"]
    if mode == "translated" and kind in TRANSLATED:
        return TRANSLATED[kind].split("|")
    return [name]


def judged(header: str, values: Sequence[str]) -> set[str]:
    """Return the kinds for which `ingest` would stop at a text column beside a street."""
    texts = pa.array([value for value in values if value], pa.string())
    counts = column_evidence.of_column(header, "string", texts, len(texts), open_street=True)
    masks = detect(texts, header)
    return column_evidence.kinds(header, counts) | {k for k in KINDS if masks[k].any()}


def measure_whole(
    folder: Path, mode: str, most: int | None = None
) -> tuple[dict[str, Score], list[str]]:
    """Score the verdicts on whole columns; return the columns that were wrongly found as well."""
    scores: dict[str, Score] = defaultdict(Score)
    wrong = []
    for number, (name, values, _) in enumerate(columns(folder) + other_columns(folder)):
        if name in OPEN:
            continue
        kind = WHOLE.get(name)
        for header in headers(name, kind, number, mode):
            found = judged(header, values[:most])
            # One South African number is a valid card number as well.
            found -= {"card"} if kind == "national_id" else set()
            for one in found | ({kind} if kind else set()):
                scores[one].there += one == kind
                scores[one].found += one in found
                scores[one].right += one in found and one == kind
            wrong += [f"{header}: {one}" for one in sorted(found - {kind})]
    return dict(scores), wrong


def notes(folder: Path) -> tuple[list[str], list[set[str]], list[list[str]]]:
    """Return Faker's notes, the kinds in each, and the names of persons in each."""
    with (folder / "faker_own/notes_free_text.csv").open(encoding="utf-8", newline="") as file:
        texts = {row["ticket_id"]: row["note"] for row in csv.DictReader(file)}
    spans: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in (folder / "faker_own/notes_free_text.spans.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        spans[entry["ticket_id"]] = entry["spans"]
    kinds = [{LABELS[s["label"]] for s in spans[t] if s["label"] in LABELS} for t in texts]
    people = [[s["value"] for s in spans[t] if s["label"] == "PERSON"] for t in texts]
    return list(texts.values()), kinds, people


def sentences(folder: Path) -> tuple[list[str], list[set[str]], list[list[str]]]:
    """Return Presidio's sentences, the kinds in each, and the names of persons in each."""
    path = folder / "presidio_research/synth_dataset_v2.json"
    entries = json.loads(path.read_text("utf-8"))
    spans = [[(s["entity_type"], s["entity_value"]) for s in e["spans"]] for e in entries]
    return (
        [entry["full_text"] for entry in entries],
        [{LABELS[label] for label, _ in some if label in LABELS} for some in spans],
        [[value for label, value in some if label == "PERSON"] for some in spans],
    )


def ours(texts: Sequence[str], name: str) -> list[set[str]]:
    """Detect with this project."""
    masks = detect(pa.array(texts, pa.string()), name)
    return [{kind for kind in KINDS if masks[kind][row]} for row in range(len(texts))]


def presidio() -> Detector | None:
    """Return Presidio as a detector, or None where it cannot be imported."""
    try:
        import tldextract
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NoOpNlpEngine
    except ImportError:
        return None
    # Its recogniser of e-mail addresses would otherwise ask the network for a list.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    engine_without_model = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    engine = AnalyzerEngine(registry=registry, nlp_engine=engine_without_model)

    def find(texts: Sequence[str], name: str) -> list[set[str]]:
        context = [name.replace("_", " ")] if name else None
        return [
            {
                LABELS[r.entity_type]
                for r in engine.analyze(t, "en", context=context, score_threshold=0.4)
                if r.entity_type in LABELS
            }
            for t in texts
        ]

    return find


def measure_columns(folder: Path, find: Detector, *, named: bool, most: int | None) -> dict:
    """Score a detector on the cells of all columns."""
    scores = []
    for name, values, kind in columns(folder):
        some = values[:most]
        expected = [{kind} if kind else set() for _ in some]
        scores.append(score(expected, find(some, name if named else "")))
    return add(scores)


def measure_texts(folder: Path, find: Detector) -> dict[str, dict[str, Score]]:
    """Score a detector on free text."""
    return {
        label: score(kinds, find(texts, ""))
        for label, (texts, kinds, _) in (("notes", notes(folder)), ("sentences", sentences(folder)))
    }


def measure_leaked(texts: Sequence[str], people: Sequence[Sequence[str]]) -> Score:
    """Score the search for names: the names of all persons, of two words or more, are declared."""
    import numpy as np

    key = b"benchmark".ljust(32, b".")
    declared = pa.table({"full_name": [person for some in people for person in some]})
    personal = leaked_values.personal_values(declared, key)
    held = leaked_values.holding(pa.array(texts, pa.string()), personal, key)
    there = np.array([any(len(person.split()) > 1 for person in some) for some in people])
    return Score(int(there.sum()), int(held.sum()), int((there & held).sum()))


def rate(find: Detector, texts: Sequence[str]) -> float:
    """Return values per second of processor time."""
    start = time.process_time()
    find(texts, "")
    return len(texts) / (time.process_time() - start)


def show_whole(folder: Path) -> None:
    """Print the table of whole columns."""
    print("\nwhole columns, recall (columns) / precision (found):\n")
    whole = {mode: measure_whole(folder, mode) for mode in ("plain", "translated", "nothing")}
    print("| kind | " + " | ".join(whole) + " |\n|---|---|---|---|")
    for kind in FINDINGS:
        if any(kind in scores for scores, _ in whole.values()):
            cells = [scores.get(kind, Score()).shown for scores, _ in whole.values()]
            print(f"| {kind} | " + " | ".join(cells) + " |")
    for mode, (_, wrong) in whole.items():
        print(f"{mode}: {len(wrong)} wrongly found {', '.join(wrong)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, help="at most so many distinct values of a column")
    most = parser.parse_args().cells
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("QUICKSTACK_TEST_DATA") or default) / "pii"
    detectors = {"quickstack": ours}
    if (other := presidio()) is None:
        print("not run: Presidio (presidio-analyzer cannot be imported)\n")
    else:
        detectors["presidio"] = other
    print("recall (cases) / precision (findings)\n")
    print("| data | kind | " + " | ".join(detectors) + " |")
    print("|---|---|" + "---|" * len(detectors))
    tables: dict[str, dict[str, dict[str, Score]]] = defaultdict(dict)
    for label, find in detectors.items():
        tables["columns, blind"][label] = measure_columns(folder, find, named=False, most=most)
        tables["columns, named"][label] = measure_columns(folder, find, named=True, most=most)
        for text, scores in measure_texts(folder, find).items():
            tables[text][label] = scores
    for data, by_detector in tables.items():
        for kind in KINDS:
            cells = [by_detector[label][kind] for label in detectors]
            if any(cell.there or cell.found for cell in cells):
                print(f"| {data} | {kind} | " + " | ".join(c.shown for c in cells) + " |")
    for data, (texts, _, people) in (("notes", notes(folder)), ("sentences", sentences(folder))):
        print(f"| {data} | leaked names | {measure_leaked(texts, people).shown} |")
    show_whole(folder)
    texts = list(dict.fromkeys(notes(folder)[0] + sentences(folder)[0]))
    cells = [v for _, values, _ in columns(folder) for v in values[:most]]
    print("\nvalues per second of one core, and how many times the first one's:")
    for what, values in (("free text", texts), ("columns", cells)):
        rates = {label: rate(find, values) for label, find in detectors.items()}
        print(
            f"{what}: "
            + ", ".join(
                f"{label} {r:,.0f} (x {r / rates['quickstack']:.4f})" for label, r in rates.items()
            )
        )


if __name__ == "__main__":
    main()
