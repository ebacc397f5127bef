"""Ways in which a personal value leaves: each plants it in a small real file."""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import hashlib
import html
import io
import json
import lzma
import pickle
import quopri
import sqlite3
import tarfile
import unicodedata
import zipfile
import zlib
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# Invented; the domain, the number range and the account belong to nobody.
NAME = "Zoë Brîndușă-Quell"
EMAIL = "zoe.quell+canary@example.org"
PHONE = "+44 20 7946 0417"
DIGITS = "442079460417"
IBAN = "GB33BUKB20201555555555"
NUMBER = "8804512397"
LATIN = "Jürgen Ångström"
VALUES = [NAME, EMAIL, PHONE, IBAN, NUMBER, LATIN]
OTHER_PHONE, OTHER_EMAIL = "+44 20 7946 0562", "ada.other@example.org"


def text(form):
    """Plant text as it is."""
    content = form if isinstance(form, bytes) else form.encode()
    return lambda folder: (folder / "a.bin").write_bytes(b"before; " + content + b"; after\n")


def table():
    return pd.DataFrame({"mail": [EMAIL, OTHER_EMAIL] * 20, "n": range(40)})


def forgotten_category():
    """Give a table whose column keeps a category that no row holds any more."""
    frame = table().astype({"mail": "category"})
    kept = frame[frame["mail"] == OTHER_EMAIL]
    assert EMAIL not in kept["mail"].tolist()
    return kept


def parquet_of_dictionary(folder):
    pq.write_table(
        pa.Table.from_pandas(forgotten_category()), folder / "a.parquet", compression="zstd"
    )


def parquet_statistics(folder):
    # All rows are null but for one: the value stands in the statistics and its page.
    written = pa.table({"mail": [EMAIL, *[None] * 50]})
    pq.write_table(written, folder / "a.parquet", compression="snappy", use_dictionary=False)


def parquet_metadata(folder):
    schema = pa.schema([pa.field("n", pa.int64())], metadata={"author": NAME})
    pq.write_table(pa.table({"n": [1]}, schema=schema), folder / "a.parquet")


def parquet_delta(folder):
    mails = [EMAIL.replace("zoe", "zoa"), EMAIL, EMAIL.replace("zoe", "zof")]
    pq.write_table(
        pa.table({"mail": mails}), folder / "a.parquet", use_dictionary=False,
        column_encoding={"mail": "DELTA_BYTE_ARRAY"}, write_statistics=False,
    )  # fmt: skip


def parquet_nested(folder):
    rows = [{"contacts": [{"mail": EMAIL}]}, {"contacts": []}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", compression="gzip")


def parquet_numbers(kind):
    def plant(folder):
        column = pa.array([1, int(NUMBER), 3]).cast(kind)
        pq.write_table(pa.table({"n": column}), folder / "a.parquet", write_statistics=False)

    return plant


def parquet_dotted_name(folder):
    pq.write_table(pa.table({"a.b": [EMAIL, "x"]}), folder / "a.parquet", compression="brotli")


def arrow_file(folder):
    frame = forgotten_category()
    batch = pa.RecordBatch.from_pandas(frame)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(folder / "a.arrow", batch.schema, options=options) as writer:
        writer.write_batch(batch)


def arrow_stream(folder):
    batch = pa.RecordBatch.from_pydict({"mail": [EMAIL]})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(folder / "a.arrows", batch.schema, options=options) as writer:
        writer.write_batch(batch)


def fitted(estimator, x, y=None):
    def plant(folder):
        import joblib

        joblib.dump(estimator().fit(x, y), folder / "model.joblib", compress=3)

    return plant


def _encoder():
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(max_categories=2)


def _target_encoder():
    from sklearn.preprocessing import TargetEncoder

    return TargetEncoder(cv=2)


def _vocabulary():
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(analyzer=str.split)


def _neighbours():
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1)


MAILS = np.array([[EMAIL], [OTHER_EMAIL], ["c@d.example"], ["c@d.example"]], dtype=object)
PHONES = np.array([[float(DIGITS)], [1.0], [2.0], [3.0]])


def skops(folder):
    from skops.io import dump

    dump(_encoder().fit(MAILS), folder / "model.skops")


def plain_pickle(folder):
    (folder / "frame.pkl").write_bytes(pickle.dumps(forgotten_category()))


def pickled_number(folder):
    (folder / "number.pkl").write_bytes(pickle.dumps({"id": int(NUMBER)}))


def npz(folder):
    np.savez_compressed(folder / "a.npz", mails=np.array([EMAIL, "x"]))


def npy_integers(folder):
    np.save(folder / "a.npy", np.array([5, int(NUMBER)]))


def xlsx(folder):
    shared = f"<sst><si><t>{html.escape(NAME)}</t></si></sst>"
    with zipfile.ZipFile(folder / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/sharedStrings.xml", shared)


def sqlite(folder):
    with sqlite3.connect(folder / "a.sqlite") as database:
        database.execute("CREATE TABLE people (id INTEGER, mail TEXT)")
        database.execute("INSERT INTO people VALUES (?, 'x')", (int(NUMBER),))
    database.close()


def nested_archives(folder):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt.gz", gzip.compress(EMAIL.encode() * 3))
    with tarfile.open(folder / "a.tar", "w") as archive:
        member = tarfile.TarInfo("inner.zip")
        member.size = len(inner.getvalue())
        archive.addfile(member, io.BytesIO(inner.getvalue()))


def pdf(folder):
    stream = zlib.compress(b"BT (" + EMAIL.encode() + b") Tj ET")
    (folder / "a.pdf").write_bytes(b"%PDF-1.4\n1 0 obj stream\n" + stream + b"\nendstream endobj")


def notebook(folder):
    cell = {"cell_type": "code", "source": "df", "outputs": [{"data": {"text/plain": [NAME]}}]}
    (folder / "a.ipynb").write_text(json.dumps({"cells": [cell]}))


def notebook_picture(folder):
    page = gzip.compress(json.dumps({"rows": [EMAIL, *range(400)]}).encode())
    output = {"data": {"application/gzip": base64.encodebytes(page).decode()}}
    (folder / "a.ipynb").write_text(json.dumps({"cells": [{"outputs": [output]}]}))


def array_in_a_page(folder):
    data = base64.b64encode(np.array([float(DIGITS)] * 20).tobytes()).decode()
    (folder / "a.html").write_text(f'<script>{{"dtype": "f8", "bdata": "{data}"}}</script>')


def file_name(folder):
    (folder / f"report {EMAIL}.txt").write_text("empty")


def member_name(folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(f"{EMAIL}.txt", "empty")


def packed(compress):
    return lambda folder: (folder / "a.bin").write_bytes(
        compress(f"a line\n{EMAIL}\n".encode() * 9)
    )


def arrow_packed(codec):
    def compress(content):
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, codec) as stream:
            stream.write(content)
        return sink.getvalue().to_pybytes()

    return packed(compress)


def hashed(name, show=lambda digest: digest.hex()):
    digest = hashlib.new(name, EMAIL.encode()).digest()
    return text(show(digest))


def coded(form, part="@"):
    """Write some characters of the address by a code."""
    return text("".join(form(c) if part is None or c in part else c for c in EMAIL))


def spreadsheet_runs(folder):
    runs = "".join(f"<r><rPr><b/></rPr><t>{part}</t></r>" for part in (EMAIL[:7], EMAIL[7:]))
    with zipfile.ZipFile(folder / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst><si>{runs}</si></sst>")


TWICE = base64.b64encode(base64.b64encode(EMAIL.encode()))
STACKED = {
    "base64 of base64": text(TWICE),
    "base64, three times": text(base64.b64encode(TWICE)),
    "base64 of base64 in a text": text(
        b"see " + base64.b64encode(b"x" + base64.b64encode(b"a" + EMAIL.encode()))
    ),
    "URL-safe base64 of gzip": text(base64.urlsafe_b64encode(gzip.compress(EMAIL.encode()))),
    "base64 of zlib": text(base64.b64encode(zlib.compress(EMAIL.encode()))),
    "base64 of base64 of gzip": text(
        base64.b64encode(base64.b64encode(gzip.compress(EMAIL.encode() * 3)))
    ),
    "base64 of UTF-16 of base64": text(
        base64.b64encode(base64.b64encode(EMAIL.encode("utf-16-le")))
    ),
    "gzip of base64 of hexadecimal": packed(
        lambda _: gzip.compress(base64.b64encode(EMAIL.encode().hex().encode()))
    ),
    "ascii85": text(base64.a85encode(b"ab " + EMAIL.encode() + b" yz")),
    "base85": text(base64.b85encode(b"a " + EMAIL.encode() + b" yz")),
    "\\u0040": coded(lambda c: f"\\u{ord(c):04x}"),
    "\\x40": coded(lambda c: f"\\x{ord(c):02x}"),
    "=40": coded(lambda c: f"={ord(c):02X}"),
    "&#64;": coded(lambda c: f"&#{ord(c)};", "@+."),
    "\\100": coded(lambda c: f"\\{ord(c):03o}", None),
    "quoted-printable of every letter": coded(lambda c: f"={ord(c):02X}", None),
    "\\x hexadecimal": coded(lambda c: f"\\x{ord(c):02x}", None),
    "numbers of a program": text(", ".join(f"0x{byte:02X}" for byte in EMAIL.encode())),
    "spaced hexadecimal": text(EMAIL.encode().hex(" ")),
    "hexadecimal with colons": text(EMAIL.encode().hex(":").upper()),
    "reversed": text(EMAIL[::-1]),
    "reversed name": text(NAME[::-1]),
    "rot13": text(codecs.encode(EMAIL, "rot13")),
    "split over cells": text(EMAIL.replace("@", ",@")),
    "a name in two cells": text(NAME.replace(" ", '";"')),
    "split over XML nodes": text(f"<w:t>{EMAIL[:7]}</w:t></w:r><w:r><w:t>{EMAIL[7:]}</w:t>"),
    "split over runs of a workbook": spreadsheet_runs,
    "[at]": text(EMAIL.replace("@", " [at] ")),
    "at and dot": text(EMAIL.replace("@", " (AT) ").replace(".", " dot ")),
    "full width": text("".join(chr(ord(c) + 0xFEE0) for c in EMAIL)),
    "full-width number": text("".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in PHONE)),
    "zero-width letters": text("\u200b".join(EMAIL)),
    "a soft hyphen": text(NAME.replace("Quell", "Qu\u00adell")),
    "spaced letters": text(" ".join(EMAIL)),
    "spaced letters of a name": text(" ".join(NAME.upper())),
    "spaced digits": text(" ".join(DIGITS)),
    "line broken within": text(EMAIL.replace("canary", "can=\nary")),
    "joined by underscores": text(NAME.lower().replace(" ", "_").replace("-", "_")),
    "CRC32": text(f"crc {zlib.crc32(EMAIL.encode()):08X} "),
}
FILES = {
    **STACKED,
    "utf-8": text(NAME),
    "upper case": text(EMAIL.upper()),
    "decomposed": text(unicodedata.normalize("NFD", NAME)),
    "latin-1": text(LATIN.encode("latin-1")),
    "utf-16": text(NAME.encode("utf-16")),
    "utf-16 big endian": text(NAME.encode("utf-16-be")),
    "utf-32": text(NAME.encode("utf-32-le")),
    "JSON escapes": text(json.dumps(NAME)),
    "HTML entities": text(html.escape(NAME).encode("ascii", "xmlcharrefreplace")),
    "HTML names": text("Zo&euml; Br&icirc;ndu&#537;&#259;-Quell"),
    "URL": text(quote(NAME)),
    "quoted-printable": text(quopri.encodestring(NAME.encode())),
    "hexadecimal": text(EMAIL.encode().hex()),
    **{
        f"base64, alignment {shift}": text(base64.b64encode(b"x" * shift + EMAIL.encode() + b"yz"))
        for shift in range(3)
    },
    "base64 of utf-16": text(base64.b64encode(EMAIL.encode("utf-16-le"))),
    "telephone digits": text(f"tel:{DIGITS} "),
    "md5": hashed("md5"),
    "sha1": hashed("sha1"),
    "sha256, shortened": hashed("sha256", lambda digest: digest.hex()[:16]),
    "sha256, raw": hashed("sha256", lambda digest: digest),
    "sha512, base64": hashed("sha512", base64.b64encode),
    "blake2b": hashed("blake2b"),
    "sha3": hashed("sha3_256"),
    "log file": lambda folder: (folder / "run.log").write_text(f"ValueError: {PHONE!r} is wrong\n"),
    "gzip": packed(gzip.compress),
    "bz2": packed(bz2.compress),
    "xz": packed(lzma.compress),
    "zlib": packed(zlib.compress),
    "zstd": arrow_packed("zstd"),
    "lz4": arrow_packed("lz4"),
    "gzip in zip in tar": nested_archives,
    "name of a file": file_name,
    "name in an archive": member_name,
    "PDF stream": pdf,
    "notebook output": notebook,
    "compressed base64 in a notebook": notebook_picture,
    "array in a page": array_in_a_page,
    "Parquet, category without rows": parquet_of_dictionary,
    "Parquet, statistics": parquet_statistics,
    "Parquet, metadata": parquet_metadata,
    "Parquet, delta encoding": parquet_delta,
    "Parquet, nested": parquet_nested,
    "Parquet, int64": parquet_numbers(pa.int64()),
    "Parquet, float64": parquet_numbers(pa.float64()),
    "Parquet, dotted name": parquet_dotted_name,
    "Arrow file, category without rows": arrow_file,
    "Arrow stream": arrow_stream,
    "pickle, category without rows": plain_pickle,
    "pickle, number": pickled_number,
    "npz": npz,
    "npy": npy_integers,
    "xlsx": xlsx,
    "SQLite, number": sqlite,
    "skops, rare category": skops,
    "joblib, one-hot encoder": fitted(_encoder, MAILS),
    "joblib, target encoder": fitted(_target_encoder, MAILS, np.array([0, 1, 0, 1])),
    "joblib, vocabulary": fitted(_vocabulary, [EMAIL, OTHER_EMAIL]),
    "joblib, nearest neighbours": fitted(_neighbours, PHONES, np.array([0, 1, 0, 1])),
}


def category_removed(folder):
    kept = forgotten_category()
    kept = kept.assign(mail=kept["mail"].cat.remove_unused_categories())
    pq.write_table(pa.Table.from_pandas(kept), folder / "a.parquet")
    (folder / "frame.pkl").write_bytes(pickle.dumps(kept))


def keyed_tokens(folder):
    key = b"k" * 32
    tokens = [hashlib.blake2b(v.encode(), key=key, digest_size=16).hexdigest() for v in VALUES]
    pq.write_table(pa.table({"token": tokens * 9}), folder / "a.parquet")
    (folder / "a.txt").write_text("\n".join(tokens))


def thresholds(folder):
    import joblib
    from sklearn.ensemble import HistGradientBoostingClassifier

    x = np.random.default_rng(0).integers(10**9, 10**12, (200, 1)).astype(float)
    x[0] = float(DIGITS)
    model = HistGradientBoostingClassifier(max_iter=5).fit(x, np.arange(200) % 2)
    joblib.dump(model, folder / "model.joblib", compress=3)


def somebody_else(folder):
    other = f"{OTHER_EMAIL} {OTHER_PHONE} Zoë Brandt 8804512398 GB33BUKB20201555555556"
    (folder / "a.json").write_text(json.dumps({"people": other, "size": 0.4420794604171}))
    (folder / "a.txt.gz").write_bytes(gzip.compress(other.encode()))


CLEAN: dict[str, object] = {
    "category removed": category_removed,
    "keyed tokens": keyed_tokens,
    "thresholds between the values": thresholds,
    "somebody else's values": somebody_else,
}

__all__ = ["CLEAN", "FILES", "STACKED", "VALUES"]
