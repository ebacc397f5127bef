"""Leave the summary of a pull request as one comment, or renew the one that is there.

It runs with a token that may write: from the base branch, with nothing but Python's own library.
The environment says where: GITHUB_API_URL, GITHUB_REPOSITORY, NUMBER, GITHUB_TOKEN; and what:
SUMMARY, the text in base64.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

MARK = "<!-- quickstack summary -->"
#: GitHub refuses longer comments.
LONGEST = 65_000
PAGE = 100


def main() -> None:
    """Find the comment by its mark, and renew it, or leave the first."""
    text = base64.b64decode(os.environ["SUMMARY"]).decode("utf-8", "ignore")[:LONGEST]
    repository, number = os.environ["GITHUB_REPOSITORY"], int(os.environ["NUMBER"])
    comments = f"/repos/{repository}/issues/{number}/comments"
    found = find(comments)
    try:
        if found is None:
            ask("POST", comments, {"body": text})
        else:
            ask("PATCH", f"/repos/{repository}/issues/comments/{found}", {"body": text})
    except urllib.error.HTTPError as error:
        if error.code != 403:
            raise
        print("this token may not comment; the summary is on the job's page")
        return
    print("commented" if found is None else "renewed the comment")


def find(comments: str) -> int | None:
    """Return the number of the comment that a bot left with the mark; None where there is none."""
    page = 1
    while entries := ask("GET", f"{comments}?per_page={PAGE}&page={page}"):
        for entry in entries:
            if entry["body"].startswith(MARK) and entry["user"]["type"] == "Bot":
                return int(entry["id"])
        page += 1
    return None


def ask(method: str, path: str, document: Any = None) -> Any:
    """Ask GitHub's API; HTTPError where it refuses."""
    request = urllib.request.Request(  # noqa: S310 - the address is GitHub's own variable
        f"{os.environ['GITHUB_API_URL']}{path}",
        method=method,
        data=None if document is None else json.dumps(document).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
