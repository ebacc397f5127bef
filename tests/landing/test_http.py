"""`quickstack land http` from a real server that drops, changes, delays and lies."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys

import pytest

from quickstack.data.landing import http
from servers.web import Site, serving

BODY = b"id,name\n" + b"".join(b"%d,%x\n" % (i, i * i) for i in range(60_000))
SECRET = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """How long each retry would have waited."""
    found = []
    monkeypatch.setattr(http, "pause", found.append)
    return found


@pytest.fixture
def site():
    with serving(Site(BODY)) as site:
        yield site


def landed(repository):
    files = repository.files("orders")
    return files.get("orders.csv")


def test_the_file_its_record_and_what_comes_next(site, repository):
    code, output = repository.land("http", "orders", site.url())
    assert (code, landed(repository)) == (0, BODY), output
    assert "Next: quickstack add data/raw/orders" in output
    record = repository.record("orders/orders.csv")
    digest = hashlib.sha256(BODY).hexdigest()
    assert (record["source"], record["etag"]) == (site.url(), '"v1"')
    assert [(f["bytes"], f["sha256"]) for f in record["files"]] == [(len(BODY), digest)]
    assert repository.staged("orders") == []

    before = repository.files("orders")
    code, output = repository.land("http", "orders", site.url())
    assert (code, "unchanged" in output, "Next" in output) == (0, True, False)
    site.etag = '"v2"'  # other tag, same bytes
    assert "unchanged: the same bytes" in repository.land("http", "orders", site.url())[1]
    assert repository.files("orders") == before
    site.content, site.etag = b"id\n1\n", '"v3"'
    assert repository.land("http", "orders", site.url())[0] == 0
    assert landed(repository) == b"id\n1\n"


BROKEN = {
    "cut once": ({"cuts": [100_000]}, ["-", "bytes=100000-"]),
    "cut at the first byte": ({"cuts": [0, 1]}, None),
    "cut ten times": ({"cuts": [50_000] * 10}, None),
    "by date": ({"cuts": [100_000], "etag": None, "modified": "Mon, 05 Jan 2026 10:00:00 GMT"},
                ["-", "bytes=100000-"]),
    "weak tag is no proof": ({"cuts": [100_000], "etag": 'W/"v1"'}, ["-", "-"]),
    "nothing to know it by": ({"cuts": [100_000], "etag": None}, ["-", "-"]),
    "no ranges": ({"cuts": [100_000], "ranges": False}, ["-", "bytes=100000-"]),
    "out of order": ({"failures": [500, 503, 429]}, ["-"] * 4),
}  # fmt: skip


@pytest.mark.parametrize(("faults", "starts"), BROKEN.values(), ids=BROKEN)
def test_a_broken_transfer_is_continued_with_equal_bytes(site, repository, faults, starts):
    for name, value in faults.items():
        setattr(site, name, value)
    code, output = repository.land("http", "orders", site.url())
    assert (code, landed(repository)) == (0, BODY), output
    if starts:
        assert site.starts == starts


@pytest.mark.parametrize("lies", [False, True])
def test_a_file_that_changed_is_never_joined_to_the_old_part(site, repository, lies):
    """Also where a server pays no heed to If-Range and sends the rest of the new file."""
    new = BODY[::-1]
    site.cuts, site.change_after_cut, site.ignores_if_range = [100_000], new, lies
    code, output = repository.land("http", "orders", site.url())
    assert (code, landed(repository)) == (0, new), output
    assert ("continued another file" if lies else "the file has changed") in output
    assert site.starts[1] == "bytes=100000-"


def test_the_next_call_goes_on_where_the_last_gave_up(site, repository, pauses):
    site.cuts = [70_000] + [0] * 5
    code, output = repository.land("http", "orders", site.url())
    assert code == 1, output
    assert "land again" in output
    assert repository.files("orders") == {}
    assert repository.staged("orders") == ["file.part", "file.part.json"]
    assert pauses == [1, 2, 4, 8, 16]
    site.requests.clear()
    assert repository.land("http", "orders", site.url())[0] == 0
    assert site.starts == ["bytes=70000-"]
    assert landed(repository) == BODY
    assert repository.staged("orders") == []


def test_random_cuts(site, repository):
    chance = random.Random(5)
    site.cuts = [chance.randrange(1, 150_000) for _ in range(8)]
    assert repository.land("http", "orders", site.url())[0] == 0
    assert landed(repository) == BODY


REFUSED = {
    "not there": ({"failures": [404]}, [], "no such file"),
    "no access": ({"failures": [403]}, [], "refuses access"),
    "no credentials": ({"failures": [401]}, [], "--header-variable"),
    "always out of order": ({"failures": [500] * 20}, [], "out of order (status 500)"),
    "odd status": ({"failures": [418]}, [], "status 418"),
    "web page": ({"kind": "text/html; charset=utf-8"}, [], "a web page in place of the data"),
    "too large": ({}, ["--max-bytes", "100kB"], "larger than 100.0 kB"),
    "more than fits": ({"length": 10**18}, ["--max-bytes", "10000000TB"], "are free"),
    "longer than announced": ({"length": len(BODY) + 5}, [], "the connection broke off"),
    "no length": ({"length": None}, [], "does not say how long"),
    "other hash": ({}, ["--sha256", "0" * 64], "another SHA-256"),
    "no hash": ({}, ["--sha256", "abc"], "this is not a SHA-256"),
    "no size": ({}, ["--max-bytes", "much"], "this is not a size"),
    "to a file": ({"redirect": "file:///etc/passwd"}, [], "other than http"),
    "round and round": ({"redirect": "/orders.csv?x"}, [], "do not end"),
    "drops all": ({"cuts": [0] * 20}, [], "the connection broke off"),
}


@pytest.mark.parametrize(("faults", "options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_sentence_and_nothing_changed(site, repository, faults, options, sentence):
    repository.land("http", "orders", site.url("before.csv"))
    before = repository.files("orders")
    for name, value in faults.items():
        setattr(site, name, value)
    url = site.url(f"orders.csv?token={SECRET}")
    code, output = repository.land("http", "orders", url, *options)
    assert code == 1, output
    assert sentence in output
    assert "Traceback" not in output
    assert SECRET not in output
    assert repository.files("orders") == before


def test_a_length_that_nobody_told_is_made_up_for_by_a_hash(site, repository):
    site.length = None
    digest = hashlib.sha256(BODY).hexdigest()
    assert repository.land("http", "orders", site.url(), "--sha256", digest)[0] == 0
    site.cuts = [1000]
    site.etag = '"v2"'
    code, output = repository.land("http", "orders", site.url(), "--sha256", digest[::-1])
    assert code == 1, output
    assert landed(repository) == BODY


def test_secrets_stay_secret(site, repository, monkeypatch):
    monkeypatch.setenv("TOKEN", f"Bearer {SECRET}")
    monkeypatch.setenv("SIGNED", site.url(f"orders.csv?signature={SECRET}"))
    site.cuts = [1000]
    arguments = ("http", "orders", "--url-variable", "SIGNED", "--header-variable", "TOKEN")
    code, output = repository.land(*arguments)
    assert (code, landed(repository)) == (0, BODY)
    assert site.requests[-1]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in output
    assert repository.holds(SECRET) == []
    assert repository.record("orders/orders.csv")["source"] == site.url()

    for url in (f"http://user:{SECRET}@127.0.0.1/orders.csv", f"ftp://{SECRET}/x"):
        code, output = repository.land("http", "orders", url)
        assert (code, SECRET in output) == (1, False)


def test_a_redirect_takes_no_secret_to_another_server(site, repository, monkeypatch):
    monkeypatch.setenv("KEY", f"X-Api-Key: {SECRET}")
    with serving(Site(b"id\n2\n")) as other:
        site.redirect = other.url("moved/data.csv")
        code, output = repository.land("http", "orders", site.url(), "--header-variable", "KEY")
        assert (code, landed(repository)) == (0, b"id\n2\n"), output
        assert site.requests[0]["X-Api-Key"] == SECRET
        assert "X-Api-Key" not in other.requests[0]


def test_a_server_that_never_answers(site, repository, monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    site.slow = 1
    code, output = repository.land("http", "orders", site.url())
    assert (code, "sent nothing" in output) == (1, True), output


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:1/orders.csv", "nothing listens"),
        ("http://nowhere.invalid/orders.csv", "name is unknown"),
        ("http://127.0.0.1/", "ends in no file"),
        ("http://127.0.0.1/%2e%2e%2fx", "no name of a file"),
        ("http://127.0.0.1:x/orders.csv", "this is not an address"),
        ("orders.csv", "this is not an address"),
    ],
)
def test_addresses(repository, url, sentence):
    code, output = repository.land("http", "orders", url)
    assert (code, sentence in output) == (1, True), output


def test_plain_http_where_tls_is_expected(site, repository):
    code, output = repository.land("http", "orders", site.url().replace("http:", "https:"))
    assert (code, "no trusted TLS" in output) == (1, True), output


def test_a_full_disk(site, repository):
    """The limit on the size of a file stands in for the disk: the same kind of error."""
    repository.land("http", "orders", site.url("before.csv"))
    before = repository.files("orders")
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
        f"from quickstack.cli.main import app; app(['land', 'http', 'orders', {site.url()!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository.root, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "there is no room left" in done.stderr
    assert "Traceback" not in done.stderr
    assert repository.files("orders") == before
    assert repository.land("http", "orders", site.url())[0] == 0
    assert site.starts[-1].startswith("bytes=")
    assert landed(repository) == BODY
