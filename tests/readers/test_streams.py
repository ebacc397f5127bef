from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tracemalloc
import zipfile

import pyarrow as pa
import pytest

from examples import write
from quickstack.data.readers import archives
from quickstack.data.readers.partitions import Partition
from quickstack.data.readers.streams import content_digest, open_partition
from quickstack.facts.errors import SourceError

TEXT = b"id,name\n" + b"".join(b"%d,row %d\n" % (i, i * i) for i in range(6_000))


def zstd(data):
    return pa.compress(data, "zstd", asbytes=True)


def zipped(*members, **changes):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in changes.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return packed.getvalue()


def read(path, size=-1):
    with open_partition(Partition(path, "x")) as stream:
        return stream.read(size)


HALF = len(TEXT) // 2
KEY = b"32 bytes that no one could guess"
PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "gzip, members": gzip.compress(TEXT[:HALF]) + gzip.compress(b"") + gzip.compress(TEXT[HALF:]),
    "gzip, zeros behind": gzip.compress(TEXT) + bytes(5000),
    "bzip2": bz2.compress(TEXT),
    "bzip2, members": bz2.compress(TEXT[:HALF]) + bz2.compress(TEXT[HALF:]),
    "xz": lzma.compress(TEXT),
    "xz, members": lzma.compress(TEXT[:HALF]) + bytes(8) + lzma.compress(TEXT[HALF:]),
    "zstd": zstd(TEXT),
    "zstd, frames": zstd(TEXT[:HALF]) + zstd(TEXT[HALF:]),
    "lz4": pa.compress(TEXT, "lz4", asbytes=True),
    "zip": zipped(("t.csv", TEXT)),
    "zip of a Mac": zipped(("d/", b""), ("d/t.csv", TEXT), ("__MACOSX/d/._t.csv", b"x")),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
@pytest.mark.parametrize("size", [7919, 8 << 20])
def test_packing_is_recognised_by_the_first_bytes(tmp_path, packed, size):
    path = write(tmp_path / "named.csv", packed)
    with open_partition(Partition(path, "x")) as stream:
        assert b"".join(iter(lambda: stream.read(size), b"")) == TEXT


@pytest.mark.parametrize("kind", [k for k in PACKED if k != "plain"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_what_is_cut_off_gets_a_sentence(tmp_path, kind, share):
    packed = PACKED[kind].rstrip(b"\0") if "zeros" in kind else PACKED[kind]
    path = write(tmp_path / "t.csv", packed[: max(8, int(share * len(packed)))])
    with pytest.raises(SourceError, match=r"t.csv: the compressed file is damaged or cut off"):
        read(path)


DAMAGED = {
    "gzip, text behind": gzip.compress(TEXT) + b"text",
    "bzip2, text behind": bz2.compress(TEXT) + b"text",
    "bzip2, cut second member": bz2.compress(TEXT) + bz2.compress(TEXT)[:1000],
    "xz, text behind": lzma.compress(TEXT) + b"text",
    "zstd, text behind": zstd(TEXT) + b"text",
    "gzip, wrong sum": gzip.compress(TEXT)[:-8] + bytes(8),
    "zip, wrong sum": zipped(("t.csv", TEXT)).replace(TEXT[:0], b"", 1)[:60]
    + b"\0\0\0\0"
    + zipped(("t.csv", TEXT))[64:],
}


@pytest.mark.parametrize("packed", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_never_the_silent_end(tmp_path, packed):
    with pytest.raises(SourceError, match="damaged or cut off"):
        read(write(tmp_path / "t.csv", packed))


def test_every_changed_byte_of_a_gzip_is_noticed_or_harmless(tmp_path):
    packed = gzip.compress(TEXT[:2000], mtime=0)
    for position in range(10, len(packed), 7):
        broken = bytearray(packed)
        broken[position] ^= 0xFF
        with pytest.raises(SourceError, match="damaged or cut off"):
            read(write(tmp_path / "t.gz", bytes(broken)))


LINK = {"external_attr": (stat.S_IFLNK | 0o777) << 16}
ARCHIVES = {
    "climbs": (zipped(("../../t.csv", TEXT)), "leads out of it"),
    "climbs, Windows": (zipped(("a\\..\\..\\t.csv", TEXT)), "leads out of it"),
    "absolute": (zipped(("/etc/t.csv", TEXT)), "leads out of it"),
    "drive": (zipped(("C:/t.csv", TEXT)), "leads out of it"),
    "beside the table": (zipped(("t.csv", TEXT), ("../x", b"")), "leads out of it"),
    "link": (zipped(("t.csv", b"/etc/passwd"), **LINK), "a link instead of a file"),
    "two files": (zipped(("a.csv", TEXT), ("b.csv", TEXT)), "holds 2 files"),
    "no file": (zipped(("d/", b"")), "holds 0 files"),
    "empty": (zipped(), "holds 0 files"),
    "unknown packing": (
        zipped(("t.csv", TEXT)).replace(b"\x08\x00", b"\x62\x00"), "in an unusual way",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("packed", "sentence"), ARCHIVES.values(), ids=ARCHIVES)
def test_a_zip_archive_that_is_not_one_harmless_file(tmp_path, packed, sentence):
    with pytest.raises(SourceError, match=sentence):
        read(write(tmp_path / "t.zip", packed))


def test_an_encrypted_zip_archive(tmp_path):
    packed = bytearray(zipped(("t.csv", TEXT)))
    packed[6] |= 1
    packed[packed.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(SourceError, match="is encrypted"):
        read(write(tmp_path / "t.zip", bytes(packed)))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd, "zip"])
def test_a_bomb_ends_early_and_in_little_memory(tmp_path, pack, monkeypatch):
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    data = bytes(16 << 20)
    packed = zipped(("t.csv", data)) if pack == "zip" else pack(data)
    path = write(tmp_path / "bomb.csv", packed)
    del data
    given = 0
    tracemalloc.start()
    with (
        pytest.raises(SourceError, match="unpacks to more than"),
        open_partition(Partition(path, "x")) as stream,
    ):
        while part := stream.read(1 << 18):
            given += len(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given <= max(1 << 20, archives.MAX_RATIO * len(packed))
    assert peak < 12 << 20


def test_xz_that_asks_for_too_much_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_XZ_MEMORY", 1 << 20)
    with pytest.raises(SourceError, match="too much memory"):
        read(write(tmp_path / "t.xz", lzma.compress(TEXT)))


def test_a_workbook_is_left_as_it_is(tmp_path):
    packed = zipped(("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>"))
    assert read(write(tmp_path / "t.csv", packed)) == packed


CHANGES = {
    "grows": lambda path: path.write_bytes(TEXT + b"more\n"),
    "shrinks": lambda path: os.truncate(path, 100),
    "is written again": lambda path: os.utime(path, ns=(1, 1)),
    "is replaced": lambda path: os.replace(write(path.with_name("new"), TEXT), path),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_changes_while_it_is_read(tmp_path, change):
    path = write(tmp_path / "t.csv", TEXT)
    with (
        pytest.raises(SourceError, match="it was changed while it was read"),
        open_partition(Partition(path, "x")) as stream,
    ):
        stream.read(1000)
        change(path)
        stream.read()


def test_a_half_written_file_is_said_to_change_not_to_be_damaged(tmp_path):
    path = write(tmp_path / "t.gz", PACKED["gzip"][:1000])
    with (
        pytest.raises(SourceError, match="it was changed while it was read"),
        open_partition(Partition(path, "x")) as stream,
    ):
        path.write_bytes(PACKED["gzip"][:1500])
        stream.read()


def test_a_folder_that_vanishes_while_it_is_read(tmp_path):
    path = write(tmp_path / "folder" / "t.csv", TEXT)
    with (
        pytest.raises(SourceError, match="it was removed while it was read"),
        open_partition(Partition(path, "x")) as stream,
    ):
        path.unlink()
        path.parent.rmdir()
        stream.read()


def test_an_error_of_the_reader_itself_is_not_taken_for_one_of_the_file(tmp_path):
    path = write(tmp_path / "t.csv", TEXT)
    with pytest.raises(OSError, match="No space"), open_partition(Partition(path, "x")):
        raise OSError(28, "No space left on device")


def broken_link(path):
    path.symlink_to("nowhere")


def looped_link(path):
    path.symlink_to(path.name)


PLACES = {
    "missing": (lambda path: None, "the file is missing"),
    "in no folder": (lambda path: path.parent.rmdir(), "the file is missing"),
    "a folder": (lambda path: path.mkdir(), "this is a folder"),
    "a broken link": (broken_link, "a link to a file that is missing"),
    "a loop": (looped_link, "the file cannot be opened"),
    "a pipe": (os.mkfifo, "a pipe or a device, not a file"),
}


@pytest.mark.parametrize(("make", "sentence"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("use", [read, lambda path: content_digest(Partition(path, "x"), KEY)])
def test_what_cannot_be_opened_gets_a_sentence(tmp_path, make, sentence, use):
    path = tmp_path / "folder" / "t.csv"
    path.parent.mkdir()
    make(path)
    with pytest.raises(SourceError, match=sentence) as caught:
        use(path)
    assert "t.csv" in str(caught.value)
    assert "To fix it" in str(caught.value)


def test_no_permission(tmp_path, monkeypatch):
    path = write(tmp_path / "t.csv", TEXT)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("quickstack.data.readers.streams._File", refuse)
    with pytest.raises(SourceError, match="there is no permission to read it"):
        read(path)


@pytest.mark.parametrize("size", [100, 1 << 25])
def test_the_digest_is_of_the_stored_bytes(tmp_path, monkeypatch, size):
    def digest(stored: bytes, key: bytes = KEY) -> str:
        return content_digest(Partition(write(tmp_path / "t.csv", stored), "x"), key)

    monkeypatch.setattr("quickstack.data.readers.streams._PART", size)
    stored = PACKED["gzip"]
    assert len(digest(stored)) == 32
    assert digest(stored) == digest(stored)
    others = [b"", stored[:-1], stored + b"\0", stored[1:], b"\0" + stored]
    others += [stored[:i] + bytes([stored[i] ^ 1]) + stored[i + 1 :] for i in (0, 99, 100, -2)]
    assert len({digest(stored), *map(digest, others)}) == len(others) + 1
    assert digest(stored, b"another key, also of 32 bytes..!") != digest(stored)


def test_the_digest_of_an_object_is_that_of_its_pin(tmp_path):
    def digest(url, etag):
        return content_digest(Partition(tmp_path / "l", "x", url, etag, 3), KEY)

    assert len(digest("s3://b/k", "1")) == 32
    assert digest("s3://b/k", "1") == digest("s3://b/k", "1")
    assert len({digest("s3://b/k", "1"), digest("s3://b/k", "2"), digest("s3://b/l", "1")}) == 3
