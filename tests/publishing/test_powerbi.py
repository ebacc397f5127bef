"""The request to refresh, against a local server that answers as Microsoft documents it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from quickstack.facts.errors import QuickstackError
from quickstack.results.publishing.powerbi_refresh import API, read_target, request_refresh

IDS = {"POWERBI_DATASET": "cfafbeb1-8037", "POWERBI_GROUP": "f089354e-8366", "POWERBI_TOKEN": "tok"}


@contextmanager
def power_bi(status, headers=()):
    """Serve one answer, and note what was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1.0/myorg/", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_refresh_is_asked_for_as_documented():
    with power_bi(202) as (api, asked):
        request_refresh(read_target({**IDS, "POWERBI_API": api}))
        request_refresh(read_target({**IDS, "POWERBI_API": api, "POWERBI_GROUP": ""}))
    body = {"notifyOption": "NoNotification"}
    assert asked == [
        ("/v1.0/myorg/groups/f089354e-8366/datasets/cfafbeb1-8037/refreshes", "Bearer tok", body),
        ("/v1.0/myorg/datasets/cfafbeb1-8037/refreshes", "Bearer tok", body),
    ]


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (400, (), "a refresh is running, or it has no credentials"),
        (401, (), "does not accept the token"),
        (403, (), "may not refresh this model"),
        (404, (), "knows no such model"),
        (429, [("Retry-After", "120")], r"takes no more refreshes now.*wait 120 s"),
        (429, [("Retry-After", "soon")], "wait, or publish less often"),
        (302, [("Location", "http://127.0.0.1:1/")], "answers 302"),
        (500, (), "answers 500"),
    ],
)
def test_a_refusal_is_a_sentence_without_the_token(status, headers, sentence):
    with power_bi(status, headers) as (api, _), pytest.raises(QuickstackError) as caught:
        request_refresh(read_target({**IDS, "POWERBI_API": api}))
    text = caught.value.sentence()
    assert caught.match(sentence)
    assert "The run is published all the same. To fix it:" in text
    assert "tok" not in text.replace("token", "")
    assert "tok'" not in repr(read_target(IDS))


def test_what_cannot_be_asked_is_said_before_anything_is_published():
    assert read_target(IDS).api == API
    for changes, sentence in (
        ({"POWERBI_TOKEN": ""}, "POWERBI_TOKEN is not set"),
        ({"POWERBI_DATASET": "", "POWERBI_TOKEN": " "}, "POWERBI_DATASET and POWERBI_TOKEN are"),
        ({"POWERBI_GROUP": "../x"}, "POWERBI_GROUP is no id"),
        ({"POWERBI_API": "http://example.org"}, "no https address"),
    ):
        with pytest.raises(QuickstackError, match=sentence):
            read_target(IDS | changes)


def test_a_server_that_is_not_there():
    with pytest.raises(QuickstackError, match="cannot be reached"):
        request_refresh(read_target({**IDS, "POWERBI_API": "http://127.0.0.1:9"}))
