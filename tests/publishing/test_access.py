"""Who may publish and who may read: the policies, and the function at the CDN."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess

import pytest

from helpers import ROOT, needs_program

AWS = ROOT / "configuration" / "aws"
PLACE = "arn:aws:s3:::quickstack-published"


def statements(name):
    policy = json.loads((AWS / name).read_text(encoding="utf-8"))
    assert policy["Version"] == "2012-10-17"
    return policy["Statement"]


def test_the_publisher_may_list_read_and_write_and_not_delete():
    listed, objects = statements("publish.json")
    assert (listed["Action"], listed["Resource"]) == (["s3:ListBucket"], [PLACE])
    assert listed["Condition"] == {"StringLike": {"s3:prefix": ["published", "published/*"]}}
    assert objects["Resource"] == [f"{PLACE}/published/*"]
    assert set(objects["Action"]) == {
        "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
    }  # fmt: skip
    assert {listed["Effect"], objects["Effect"]} == {"Allow"}


def test_readers_come_through_one_distribution_only():
    allowed, denied = statements("readers-bucket-policy.json")
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == (["s3:GetObject"], [f"{PLACE}/published/*"])
    (source,) = allowed["Condition"]["StringEquals"].values()
    assert source.startswith("arn:aws:cloudfront::")
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


HASH = hashlib.sha256("sales:pä$$:wörd".encode()).hexdigest()
#: Node stands in for CloudFront's runtime here: it has the same `crypto` and `Buffer`.
RUN = """
const fs = require('fs');
const source = fs.readFileSync(0, 'utf8').replace('const USERS = [', `const USERS = ['${HASH}',`);
const handler = new Function('require', source + '; return handler;')(require);
const answers = JSON.parse(process.argv[1]).map(value => handler({
  request: { uri: '/current.json', headers: value === null ? {} : { authorization: { value } } },
}));
console.log(JSON.stringify(answers));
"""


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def answers():
    """Give the function's answer by Authorization header."""
    needs_program("node")
    headers = [
        basic("sales:pä$$:wörd"), None, basic("sales:"), basic("sales:pä$$:wörd "),
        basic("Sales:pä$$:wörd"), "Bearer abc", "Basic", "Basic !!!", HASH, f"Basic {HASH}", "",
        "basic" + basic("sales:pä$$:wörd")[5:],
    ]  # fmt: skip
    script = RUN.replace("${HASH}", HASH)
    done = subprocess.run(
        ["node", "-e", script, "--", json.dumps(headers)],
        input=(AWS / "basic-authentication.js").read_text(encoding="utf-8"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(zip(headers, json.loads(done.stdout), strict=True))


def test_the_right_password_passes_and_goes_no_further(answers):
    for header, answer in answers.items():
        right = header is not None and header[6:] == basic("sales:pä$$:wörd")[6:]
        if right:
            assert answer == {"uri": "/current.json", "headers": {}}
        else:
            assert answer["statusCode"] == 401, header
            assert answer["headers"]["www-authenticate"]["value"].startswith("Basic realm=")
    assert sum("uri" in answer for answer in answers.values()) == 2


def test_as_it_stands_in_the_repository_nobody_passes():
    text = (AWS / "basic-authentication.js").read_text(encoding="utf-8")
    listed = text.partition("const USERS = [")[2].partition("];")[0]
    assert [line for line in listed.splitlines() if line.strip() and "//" not in line] == []
    assert "'," not in listed.replace("// '0123...cdef',", "")
