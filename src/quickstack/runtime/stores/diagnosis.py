"""What botocore's errors mean, in one sentence each, without any secret."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.remotes import SECONDS, Remote

# Which check of the probe an error belongs to.
IDENTITY, ENDPOINT, BUCKET, ACCESS = "identity", "endpoint", "bucket", "access"


@dataclass(frozen=True)
class Trouble:
    """An error of S3 as a sentence, the remedy, and the check that it fails."""

    check: str
    what: str
    fix: str

    def error(self, remote: Remote) -> StorageError:
        """Return it as an exception."""
        return StorageError(self.what, where=f"remote {remote.name}", fix=self.fix)


_KEYS = "use the keys of this very server (`.dvc/config.local`, the AWS variables or profile)"
_LOGIN = "log in again, for example with `aws sso login`"
_POLICY = "ask the bucket's owner for the policy of configuration/aws/ that allows it"
_REGION = "set it: `dvc remote modify --local {remote} region REGION`"
_WAIT = "try again in a minute, then look at the server's own log"

_LOGINS = {"SSOError", "LoginError", "NoAuthTokenError", "TokenRetrievalError"}

# S3's error codes: check, what it means, remedy.
CODES: dict[str, tuple[str, str, str]] = {
    "InvalidAccessKeyId": (IDENTITY, "The server does not know this access key id", _KEYS),
    "SignatureDoesNotMatch": (IDENTITY, "The secret key is not that of the access key id", _KEYS),
    "RequestTimeTooSkewed": (
        IDENTITY,
        "This machine's clock is more than 15 minutes off the server's",
        "set the clock",
    ),
    "NoSuchBucket": (BUCKET, "The bucket {bucket} does not exist", "{bucket_fix}"),
    "InvalidBucketName": (
        BUCKET,
        "The bucket name {bucket} is not allowed",
        "use 3 to 63 small letters, digits and hyphens in the remote's url",
    ),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"),
        (IDENTITY, "The session of these credentials is over", _LOGIN),
    ),
    **dict.fromkeys(
        ("AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"),
        (ACCESS, "These credentials may not {action} {bucket}", _POLICY),
    ),
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "301", "307"),
        (BUCKET, "The bucket {bucket} lies in another region", _REGION),
    ),
    **dict.fromkeys(
        ("SlowDown", "ServiceUnavailable", "InternalError", "500", "502", "503", "504"),
        (ENDPOINT, "{endpoint} answers, but is out of order", _WAIT),
    ),
    **dict.fromkeys(
        ("QuotaExceeded", "InsufficientStorage", "507"),
        (ACCESS, "The server has no room left for {bucket}", "free space there"),
    ),
}


def explain(error: BaseException, remote: Remote, *, action: str = "use") -> Trouble:
    """Translate an error of boto3.

    Parameters
    ----------
    error
        What boto3 or botocore raised.
    remote
        The remote that was asked.
    action
        What was tried, as in "may not ... BUCKET".

    Returns
    -------
    Trouble
        One sentence, the remedy, and the check it belongs to.
    """
    local = _is_loopback(_address(remote, error))
    check, what, fix = _meaning(error, local)
    words = {
        "bucket": remote.bucket,
        "remote": remote.name,
        "endpoint": endpoint_name(remote, error),
        "action": action,
        "seconds": SECONDS,
        "bucket_fix": "run `quickstack storage start`, which creates it"
        if local
        else "create it, or correct the remote's url",
    }
    return Trouble(check, what.format(**words), fix.format(**words))


def _meaning(error: BaseException, local: bool) -> tuple[str, str, str]:
    kind, details = type(error).__name__, getattr(error, "kwargs", {})
    start = "start it with `quickstack storage start`, or correct the address"
    connect = start if local else "check network, VPN and address (endpointurl, AWS_ENDPOINT_URL)"
    # Errors of the connection have this attribute too, and it is None.
    if response := getattr(error, "response", None):
        code = str(response.get("Error", {}).get("Code") or "404")
        return CODES.get(code) or _unnamed(code)
    match kind:
        case "ProfileNotFound":
            profile = _plain(str(details.get("profile", "")))
            what = f"There is no AWS profile {profile}"
            return IDENTITY, what, "correct its name (profile, AWS_PROFILE) or make it"
        case "NoCredentialsError":
            return IDENTITY, "No credentials were found", _no_credentials(local)
        case "PartialCredentialsError":
            missing = _plain(str(details.get("cred_var", "")))
            return IDENTITY, f"The credentials lack {missing}", "set both key id and secret key"
        case "CredentialRetrievalError":
            fix = "run the credential_process of the AWS profile by hand"
            return IDENTITY, "The credentials could not be fetched", fix
        case "ConfigParseError" | "InvalidConfigError":
            return IDENTITY, "The AWS configuration file cannot be read", "correct that file"
        case "EndpointConnectionError" if _unknown_host(details.get("error")):
            return ENDPOINT, "The name of {endpoint} is unknown", connect
        case "EndpointConnectionError":
            return ENDPOINT, "Nothing listens at {endpoint}: connection refused", connect
        case "ConnectTimeoutError":
            return ENDPOINT, "{endpoint} cannot be reached within {seconds} s", connect
        case "ReadTimeoutError" | "TimeoutError":
            what = "{endpoint} takes the connection and never answers"
            return ENDPOINT, what, "restart that server, or correct the address"
        case "ProxyConnectionError":
            fix = "correct HTTP_PROXY and HTTPS_PROXY, or name the server in NO_PROXY"
            return ENDPOINT, "The proxy on the way to {endpoint} does not answer", fix
        case "SSLError":
            fix = "check http or https in the address, or set ssl_verify to your CA file"
            return ENDPOINT, "{endpoint} offers no trusted TLS connection", fix
        case "ParamValidationError":
            return CODES["InvalidBucketName"]
        case "ValueError":
            return ENDPOINT, "The address of the server is none", "write it as https://HOST:PORT"
        case "ResponseParserError":
            return _unnamed("404")
        case "ConnectionClosedError" | "HTTPClientError":
            fix = "check http or https, host and port of the address"
            return ENDPOINT, "{endpoint} breaks the connection off", fix
    if _LOGINS & {c.__name__ for c in type(error).__mro__}:
        return CODES["ExpiredToken"]
    return ENDPOINT, f"{{endpoint}} cannot be used ({kind})", connect


def _unnamed(code: str) -> tuple[str, str, str]:
    if code.isdigit():
        # S3 names its errors; a bare HTTP status comes from some other web server.
        return ENDPOINT, "{endpoint} answers, but not as S3", "correct the address"
    return ENDPOINT, f"{{endpoint}} refuses with {_plain(code)}", _WAIT


def _no_credentials(local: bool) -> str:
    if local:
        return "run `quickstack storage start`, which writes them to .dvc/config.local"
    return (
        "run `quickstack storage start` for a server on this machine, or set AWS_PROFILE "
        "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def _unknown_host(error: Any) -> bool:
    """Tell a failed name look-up from a refused connection."""
    while error is not None:
        if type(error).__name__ in ("NameResolutionError", "gaierror"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _plain(text: str) -> str:
    """Keep a name that came from outside harmless in our sentence: no braces, no length."""
    return text.replace("{", "").replace("}", "")[:80]


def endpoint_name(remote: Remote, error: BaseException | None = None) -> str:
    """Return the server's address without user name or password that may stand in it."""
    url = _address(remote, error)
    host = url.netloc.rpartition("@")[2]
    return _plain(f"{url.scheme}://{host}") if host else "the S3 server"


def _address(remote: Remote, error: BaseException | None) -> SplitResult:
    places = (
        remote.settings.get("endpointurl"),
        getattr(error, "kwargs", {}).get("endpoint_url"),
        os.environ.get("AWS_ENDPOINT_URL_S3"),
        os.environ.get("AWS_ENDPOINT_URL"),
    )
    try:
        return urlsplit(str(next((place for place in places if place), "")))
    except ValueError:
        return urlsplit("")


def _is_loopback(url: SplitResult) -> bool:
    host = url.hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
