"""Personal data that a whole column shows: by its header in any language, or by its values."""

from __future__ import annotations

import random
from collections import Counter

import pyarrow as pa
import pytest

from quickstack.data.privacy.column_evidence import kinds, of_column
from quickstack.data.privacy.column_names import suspicious_name
from quickstack.data.privacy.national_numbers import schemes

#: A name, a birth date, a street, a telephone, a national number, a card, an account and a plate.
HEADERS = {
    "en": "Surname|date-of-birth|STREET_ADDRESS|phone 1|SSN|cardNumber|bank account|number_plate",
    "de": "Nachname|geburtsdatum|Strasse|Kundentelefonnummer|SteuerID|Kreditkarte|"
    "Konto-Nr.|KFZ-Kennzeichen",
    "fr": "Prénom|date_de_naissance|rue|N° de téléphone|Numéro fiscal|carte bancaire|"
    "compte bancaire|Immatriculation",
    "es": "apellidos|FechaNacimiento|calle|telefono_movil|DNI|tarjeta|numero_de_cuenta|placa",
    "pt": "sobrenome|data_nascimento|endereço|telemóvel|CPF|cartão|conta bancária|placa do carro",
    "it": "cognome|data di nascita|indirizzo|cellulare|codiceFiscale|numero carta|"
    "conto corrente|targa",
    "nl": "achternaam|geboortedatum|straat|telefoonnummer|BSN|kaartnummer|rekeningnummer|kenteken",
    "pl": "nazwisko|data urodzenia|ulica|nr telefonu|PESEL|numer karty|numer konta|"
    "nr rejestracyjny",
    "cs": "příjmení|datum_narozeni|ulice|telefonní číslo|rodne cislo|číslo karty|cislo_uctu|SPZ",
    "hu": "vezetéknév|születési dátum|utca|telefonszám|adóazonosító|kártyaszám|bankszámla|rendszám",
    "ro": "prenume|data nașterii|strada|număr de telefon|CNP|număr card|cont bancar|numar auto",
    "sv": "efternamn|födelsedatum|gatuadress|mobilnummer|personnummer|kortnummer|kontonummer|regnr",
    "fi": "sukunimi|syntymäaika|katuosoite|puhelinnumero|henkilötunnus|luottokortti|tilinumero|"
    "rekisteritunnus",
    "el": "επώνυμο|ημερομηνία γέννησης|οδός|τηλέφωνο|ΑΦΜ|πιστωτική κάρτα|"
    "τραπεζικός λογαριασμός|πινακίδα",
    "ru": "Фамилия|ДатаРождения|улица|номер_телефона|ИНН|номер карты|номер счета|госномер",
    "uk": "прізвище|дата народження|вулиця|телефон|РНОКПП|номер картки|номер рахунку|номерний знак",
    "tr": "SOYADI|doğum_tarihi|sokak|CEP TELEFONU|TC Kimlik No|Kredi Karti|hesap no|plaka",
    "ar": "اسم العائلة|تاريخ الميلاد|الشارع|رقم الهاتف|رقم الهوية|رقم البطاقة|"
    "رقم الحساب|رقم اللوحة",
    "he": "שם משפחה|תאריך לידה|רחוב|טלפון|תעודת זהות|כרטיס אשראי|חשבון בנק|מספר רכב",
    "fa": "نام خانوادگی|تاریخ تولد|خیابان|موبایل|کد ملی|شماره کارت|شماره حساب|پلاک",
    "hi": "पूरा नाम|जन्म_तिथि|पता|मोबाइल नंबर|आधार संख्या|कार्ड नंबर|खाता संख्या|नंबर प्लेट",
    "bn": "পুরো নাম|জন্ম তারিখ|ঠিকানা|মোবাইল নম্বর|জাতীয় পরিচয়পত্র|কার্ড নম্বর|ব্যাংক হিসাব|নম্বর প্লেট",
    "th": "ชื่อ-นามสกุล|วันเกิด|ที่อยู่|เบอร์โทรลูกค้า|เลขบัตรประชาชน|บัตรเครดิต|เลขที่บัญชี|ทะเบียนรถ",
    "vi": "Họ và tên|ngay_sinh|địa chỉ|so dien thoai|CCCD|số thẻ|số tài khoản|biển số xe",
    "id": "nama_lengkap|tanggal lahir|alamat|nomor HP|NIK|nomor kartu|nomor rekening|plat nomor",
    "zh": "客户姓名|出生日期|详细地址|手机号码|身份证号|信用卡号|银行账号|车牌号",
    "ja": "顧客氏名|生年月日|住所|携帯電話番号|マイナンバー|カード番号|口座番号|車両番号",
    "ko": "고객 이름|생년월일|도로명|휴대폰|주민등록번호|카드번호|계좌번호|차량번호",
}  # fmt: skip
ORDER = (
    "name", "birth_date", "street", "phone", "national_id", "card", "account", "licence_plate",
)  # fmt: skip


@pytest.mark.parametrize("language", HEADERS)
def test_a_header_says_what_it_holds_in_its_language(language):
    said = [suspicious_name(header) for header in HEADERS[language].split("|")]
    assert said == list(ORDER)


HARMLESS = (
    "PhoneService MultipleLines DeviceProtection contact housing tailnum carrier origin dest month "
    "product_name file_name company_name event_name birth_weight birth_rate num_births street_type "
    "card_type run_id city_id phone_brand address_count email_sent_count cellar capacity mapping "
    "产品名称 товар наименование produktname nombre_producto 商品名 상품명 Straßenbelag"
)


def test_a_header_of_something_else_says_nothing_of_persons():
    said = {header: suspicious_name(header) for header in HARMLESS.split()}
    harmless = {header for header, kind in said.items() if kind is None}
    # What is left, the values must bear out.
    left = {"city_id", "phone_service", "email_sent_count", "cellar"}
    assert set(said) - harmless <= left


def shown(header, values, type_="string", blocks=1, open_street=False):
    """Judge a column whose rows come in blocks."""
    total: Counter[str] = Counter()
    for block in range(blocks):
        part = pa.array(list(dict.fromkeys(values[block::blocks])))
        total += of_column(header, type_, part, len(values[block::blocks]), open_street=open_street)
    return kinds(header, total)


BORNE_OUT = [
    ("PhoneNumber", ["Yes", "No"], "string", set()),
    ("phone", [f"+1 604 555 {n:04}" for n in range(9)], "string", {"phone"}),
    ("phone", [6045551000, 6045559321], "integer", {"phone"}),
    ("birth_date", [19800512, 19761231], "integer", {"birth_date"}),
    ("birth_date", [1980, 1976], "integer", set()),
    ("name", ["Lansdowne Airport", "Moton Field", "Randall Airport"], "string", set()),
    ("name", ["Ada Lovelace", "Grace Hopper", "Alan Turing"], "string", {"name"}),
    ("full_name", ["5f4dcc3b5aa765d61d8327deb882cf99"], "string", set()),
    ("licence_plate", ["AB12 CDE", "M-XY 123"], "string", {"licence_plate"}),
    ("city", ["Oslo", "Rome"], "string", set()),
    ("c1", ["Oslo", "Rome"], "string", set()),
]


@pytest.mark.parametrize(("header", "values", "type_", "expected"), BORNE_OUT)
def test_the_values_bear_a_header_out(header, values, type_, expected):
    assert shown(header, values, type_) == expected


def test_a_city_is_personal_beside_a_street():
    assert shown("Wohnort", ["Köln", "Bonn"], open_street=True) == {"city"}


def drawn(shape, scheme, count=40):
    """Draw random numbers of a shape until so many pass."""
    rng, found = random.Random(scheme), []
    while len(found) < count:
        text = "".join(rng.choice("0123456789") if c == "#" else c for c in shape)
        if scheme in schemes(text):
            found.append(text)
    return found


NUMBERS = {
    "us.ssn": "###-##-####", "pl.pesel": "8#0#1######", "nl.bsn": "#########",
    "tr.tckimlik": "###########", "de.idnr": "## ### ### ###", "in_.aadhaar": "#### #### ####",
    "ru.snils": "###-###-### ##", "tw.id": "A1########", "br.cpf": "###########",
    "th.pin": "#-####-#####-##-#", "jp.in_": "############", "gb.nhs": "### ### ####",
}  # fmt: skip


@pytest.mark.parametrize(("scheme", "shape"), NUMBERS.items())
@pytest.mark.parametrize("blocks", [1, 40])
def test_a_column_of_national_numbers_is_found_without_a_header(scheme, shape, blocks):
    values = drawn(shape, scheme)
    assert shown("reference", values, blocks=blocks) == {"national_id"}
    rng = random.Random(1)
    others = ["".join(rng.choice("0123456789") if c == "#" else c for c in shape) for _ in values]
    if scheme != "us.ssn":
        assert shown("reference", others) == set()


@pytest.mark.parametrize("shape", ["06 ## ## ## ##", "01#########", "13#########", "9#### #####",
                                   "6## ### ###", "8 9## ###-##-##"])  # fmt: skip
def test_a_column_of_telephone_numbers_is_found_without_a_header(shape):
    rng = random.Random(shape)
    values = ["".join(rng.choice("23456789") if c == "#" else c for c in shape) for _ in range(60)]
    assert "phone" in shown("reference", values)


OTHERS = {
    "counting up": [f"0{100000000 + n}" for n in range(60)],
    "dates": [f"0{m}/{d}/2024" for m in range(1, 10) for d in range(10, 29)],
    "prices": [f"{n * 37 % 1000}.{n % 100:02}" for n in range(60)],
    "one value in many blocks": ["525-64-8527"] * 60,
    "one name in many blocks": ["Jordan"] * 60,
    "companies": [f"{a}-{b}" for a in ("Miller", "Jones", "Brown", "Davis", "Clark")
                  for b in ("Moore", "Walker", "Young", "King", "Scott")],
    "products": [f"{a} {b}" for a in ("Olivia", "Emma", "Oscar", "Victoria", "Austin")
                 for b in ("sofa", "desk", "lamp", "chair", "rug")],
    "order numbers": [str(10**15 + n * 7919**3 % 10**15) for n in range(60)],
}  # fmt: skip


@pytest.mark.parametrize("values", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("blocks", [1, 30])
def test_other_columns_are_left_alone(values, blocks):
    assert shown("reference", values, blocks=blocks) == set()


def test_names_are_found_by_their_share():
    given = ["Ada", "Grace", "Alan", "Maria", "Jürgen", "Zoë", "Olga", "Paul"]
    family = ["Miller", "García", "Müller", "Smith", "Jansen"]
    full = [f"{a} {b}" for a in given for b in family]
    assert shown("c1", full) == {"name"}
    assert shown("c1", [f"{b}, {a}" for a in given for b in family]) == {"name"}
    assert shown("c1", full[:10] + [f"Order {n}" for n in range(40)]) == set()
