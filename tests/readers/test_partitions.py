from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import people_contract, write
from quickstack.data.readers.partitions import find_partitions, folder_values, partition_names
from quickstack.facts.contract import Source
from quickstack.facts.errors import SourceError

FOLDER = "data/raw/people"


def find(pattern):
    return find_partitions(replace(people_contract(), source=Source(path=f"{FOLDER}/{pattern}")))


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / FOLDER).mkdir(parents=True)
    return tmp_path / FOLDER


NAMES = {
    "one": ("*.csv", ["subscriptions-2024-01.csv"], ["subscriptions-2024-01"]),
    "packed": ("*", ["a.csv.gz", "b.parquet", "c.JSONL.zst"], ["a", "b", "c"]),
    "two endings": ("*", ["a.csv", "a.csv.gz", "b.csv"], ["a_csv", "a_csv_gz", "b"]),
    "upper case": ("*", ["A.csv", "a.csv.gz"], ["A_csv", "a_csv_gz"]),
    "folders": ("**/*.csv", ["a/x.csv", "b/x.csv", "x.csv"], ["a-x", "b-x", "x"]),
    "dots and blanks": ("*.csv", ["a.b c.csv"], ["a_b_c"]),
    "letters": ("*.csv", ["größe.csv"], ["größe"]),
    "hive": ("*/*.parquet", ["year=2024/part-0.parquet"], ["year_2024-part-0"]),
    "one name": ("a[1].csv", ["a[1].csv"], ["a_1_"]),
    "not hidden, no pointer": ("*", ["a.csv", ".gitignore", "a.csv.dvc", "._a.csv"], ["a"]),
    "order of the results": ("*.csv", ["x.csv", "x-1.csv", "x-10.csv"], ["x-1", "x-10", "x"]),
}


@pytest.mark.parametrize(("pattern", "files", "names"), NAMES.values(), ids=NAMES)
def test_names(repository, pattern, files, names):
    for file in files:
        write(repository / file, "abc")
    found = find(pattern)
    assert [p.name for p in found] == names
    assert all(p.size == 3 and p.url is None for p in found)


def test_names_that_clash_to_the_end_get_a_digest(repository):
    for file in ("a/b.csv", "a-b.csv", "a_b.csv", "a b.csv"):
        write(repository / file, "x")
    names = [p.name for p in find("**/*.csv")]
    assert len(set(names)) == 4
    assert all(name.startswith(("a-b", "a_b")) for name in names)


LETTERS = st.text(st.sampled_from("aAbß_.- é\u0301\u0131*#\u200b\n"), min_size=1, max_size=6)


@given(st.sets(st.tuples(LETTERS, st.sampled_from(["", ".csv", ".csv.gz", ".parquet"]))))
def test_names_are_unique_and_safe(parts):
    from pathlib import PurePosixPath

    paths = [PurePosixPath(f"x{stem}{ending}") for stem, ending in sorted(parts)]
    names = partition_names(paths, [False] * len(paths))
    assert len({name.casefold() for name in names}) == len(paths)
    assert all(not set(name) & set("/\\.*# \n") and len(name.encode()) < 200 for name in names)
    reverse = partition_names(paths[::-1], [False] * len(paths))
    assert reverse[::-1] == names


def test_values_of_folders_are_those_that_hive_wrote():
    path = "raw/a%20b=K%C3%B6ln/b=%FF/c=__HIVE_DEFAULT_PARTITION__/d=x=y%/f.csv"
    assert folder_values(path) == (("a b", "Köln"), ("b", "%FF"), ("c", ""), ("d", "x=y%"))


def test_two_folders_of_one_column_are_refused(repository):
    write(repository / "year=2023/year=2024/a.csv", "id\n")
    with pytest.raises(SourceError, match="hold a value of the same column"):
        find("**/*.csv")


def test_a_long_name_stays_a_file_name(repository):
    write(repository / f"{'ä' * 120}.csv", "x")
    (found,) = find("*.csv")
    assert len(found.name.encode()) <= 170
    write(repository / f"{found.name}.parquet", "y")


def make_folder(folder):
    (folder / "a.csv").mkdir()


def make_link(folder):
    (folder / "a.csv").symlink_to("nowhere")


def make_pipe(folder):
    os.mkfifo(folder / "a.csv")


def make_pointer(folder):
    write(folder / "a.csv.dvc", "outs:\n- md5: 1\n")


WRONG = {
    "nothing": (lambda folder: None, "*.csv", "there is no such file"),
    "no folder": (lambda folder: folder.rmdir(), "*.csv", "nor the folder it should lie in"),
    "only a pointer": (make_pointer, "*.csv", "run `dvc pull`"),
    "only a pointer of one file": (make_pointer, "a.csv", "run `dvc pull`"),
    "a folder": (make_folder, "*.csv", "a folder, where a file is expected"),
    "a folder, named": (make_folder, "a.csv", "a folder, where a file is expected"),
    "a broken link": (make_link, "*.csv", "a link to a file that is missing"),
    "a broken link, named": (make_link, "a.csv", "a link to a file that is missing"),
    "a pipe": (make_pipe, "*.csv", "a pipe or a device"),
    "no pattern": (lambda folder: None, "**.csv", "not a pattern of files"),
}


@pytest.mark.parametrize(("make", "pattern", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_a_source_gets_a_sentence(repository, make, pattern, sentence):
    make(repository)
    with pytest.raises(SourceError, match=sentence) as caught:
        find(pattern)
    assert "To fix it" in str(caught.value)


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv"])
def test_a_folder_that_may_not_be_read_is_not_an_empty_one(repository, monkeypatch, pattern):
    real = os.scandir

    def scandir(path="."):
        if str(path).endswith("people"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(SourceError, match=r"people: there is no permission to look into"):
        find(pattern)


def entry(key="k.csv", **changes):
    return {"url": f"s3://bucket/{key}", "etag": '"abc"', "size": 5} | changes


def listing(folder, *lines):
    text = "".join((json.dumps(x) if isinstance(x, dict) else x) + "\n" for x in lines)
    return write(folder / "2024.objects.jsonl", text)


def test_a_listing_gives_a_partition_for_each_object(repository):
    path = listing(
        repository, entry("2024/a.csv"), "", entry("2024/b.csv.gz", version_id="v1", size=0)
    )
    first, second = find("*.objects.jsonl")
    assert (first.name, first.url, first.etag, first.size, first.version) == (
        "a", "s3://bucket/2024/a.csv", "abc", 5, None,
    )  # fmt: skip
    assert (second.name, second.version, second.size) == ("b", "v1", 0)
    assert first.path == path.relative_to(repository.parents[2])
    assert first.shown == first.url


def test_objects_of_one_name_get_their_whole_keys(repository):
    listing(repository, entry("x/a.csv"), entry("y/a.csv"), entry("y/b.csv"))
    assert [p.name for p in find("*.objects.jsonl")] == ["b", "x-a_csv", "y-a_csv"]


MALFORMED = {
    "no JSON": ("{", "the line is not a JSON object"),
    "a list": ("[]", "the line is not a JSON object"),
    "nested": ("[" * 100_000, "the line is not a JSON object"),
    "no address": (entry(url="http://x/y"), "`url` must be"),
    "no key": (entry(url="s3://bucket/"), "`url` must be"),
    "no text": (entry(url=5), "`url` must be"),
    "no etag": ({"url": "s3://b/k", "size": 1}, "`etag` must be"),
    "no size": (entry(size="5"), "`size` must be"),
    "true size": (entry(size=True), "`size` must be"),
    "version": (entry(version_id=5), "`version_id` must be"),
    "unknown": (entry(secret="value"), "1 of its keys are unknown"),
    "twice": (entry("a"), "the object of line 1 is listed again"),
}


@pytest.mark.parametrize(("line", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_listing_is_refused_with_its_line(repository, line, sentence):
    listing(repository, entry("a"), line)
    with pytest.raises(SourceError, match=sentence) as caught:
        find("*.objects.jsonl")
    assert "2024.objects.jsonl:2: " in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_listing_of_nothing(repository):
    listing(repository)
    with pytest.raises(SourceError, match="no object is listed"):
        find("*.objects.jsonl")
