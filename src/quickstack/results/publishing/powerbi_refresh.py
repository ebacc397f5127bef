"""Ask Power BI to load a semantic model anew, by its REST API.

As documented by Microsoft for `Datasets - Refresh Dataset In Group`: `POST
/groups/{groupId}/datasets/{datasetId}/refreshes` with `notifyOption` answers 202; shared capacity
allows 8 refreshes a day, Premium as many as it has room for. Not tried against the service itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from quickstack.facts.errors import QuickstackError

API = "https://api.powerbi.com/v1.0/myorg"
_SECONDS = 30.0
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_REFUSED = {
    400: (
        "Power BI cannot refresh this model now: a refresh is running, or it has no credentials "
        "for its source",
        "look at the model's refresh history and data source credentials in Power BI",
    ),
    401: ("Power BI does not accept the token", "get a new one: it lasts about an hour"),
    403: (
        "the token's owner may not refresh this model",
        "give it write permission on the model, and Dataset.ReadWrite.All in its scope",
    ),
    404: (
        "Power BI knows no such model in this workspace",
        "correct POWERBI_DATASET and POWERBI_GROUP",
    ),
    429: (
        "Power BI takes no more refreshes now; in shared capacity there are 8 a day",
        "wait{after}, or publish less often",
    ),
}


@dataclass(frozen=True)
class Target:
    """A semantic model in Power BI, and the token to use."""

    dataset: str
    group: str | None
    token: str = field(repr=False)
    api: str = API


def read_target(environment: Mapping[str, str] = os.environ) -> Target:
    """Read `POWERBI_DATASET`, `POWERBI_GROUP`, `POWERBI_TOKEN` and `POWERBI_API`.

    The last is for national clouds.

    Raises
    ------
    QuickstackError
        Where one is missing or cannot be, or the token would go over an open line.
    """
    given = {
        name: environment.get(f"POWERBI_{name}", "").strip()
        for name in ("DATASET", "GROUP", "TOKEN", "API")
    }
    if missing := [f"POWERBI_{name}" for name in ("DATASET", "TOKEN") if not given[name]]:
        raise QuickstackError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, so Power BI "
            "cannot be told to refresh",
            fix="set them in the environment, or leave --refresh out",
        )
    for name in ("DATASET", "GROUP"):
        if given[name] and not _ID.fullmatch(given[name]):
            raise QuickstackError(
                f"POWERBI_{name} is no id", fix="take it from the address of the model in Power BI"
            )
    api = (given["API"] or API).rstrip("/")
    url = urlsplit(api)
    if url.scheme != "https" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise QuickstackError("POWERBI_API is no https address", fix=f"write it like {API}")
    return Target(given["DATASET"], given["GROUP"] or None, given["TOKEN"], api)


def request_refresh(target: Target) -> None:
    """Ask for a refresh; Power BI does it later, by itself.

    Raises
    ------
    QuickstackError
        Where it refuses or cannot be reached; what was published stays published.
    """
    import urllib3

    group = f"/groups/{target.group}" if target.group else ""
    try:
        answer = urllib3.request(
            "POST",
            f"{target.api}{group}/datasets/{target.dataset}/refreshes",
            json={"notifyOption": "NoNotification"},
            headers={"Authorization": f"Bearer {target.token}"},
            timeout=_SECONDS,
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise _refused(
            f"Power BI cannot be reached ({type(error).__name__})", "try it again"
        ) from None
    if answer.status == 202:
        return
    after = answer.headers.get("Retry-After", "")
    wait = f" {after} s" if after.isdecimal() else ""
    what, fix = _REFUSED.get(answer.status, (f"Power BI answers {answer.status}", "try it again"))
    raise _refused(what, fix.format(after=wait))


def _refused(what: str, fix: str) -> QuickstackError:
    return QuickstackError(f"{what}. The run is published all the same", fix=fix)
