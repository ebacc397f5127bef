"""What errors of an object store mean, in one sentence each, without any secret."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from quickstack.facts.errors import StorageError
from quickstack.runtime.stores.remotes import Remote

#: How long a server is waited for where nothing else is said.
SECONDS = 2.0
#: Which health check an error belongs to. The last two are about one object alone.
IDENTITY, ENDPOINT, BUCKET, ACCESS = "identity", "endpoint", "bucket", "access"
MISSING, CHANGED = "missing", "changed"


@dataclass(frozen=True)
class Diagnosis:
    """An error of an object store as a sentence, the remedy, and the health check that it fails."""

    check: str
    what: str
    fix: str

    def error(self, remote: Remote) -> StoreError:
        """Return it as an exception."""
        error = StoreError(self.what, where=f"remote {remote.name}", fix=self.fix)
        error.check = self.check
        return error


class StoreError(StorageError):
    """What is wrong with a remote, and the health check that it fails."""

    check = ENDPOINT


_KEYS = "use the keys of this very server (`.dvc/config.local`, the AWS variables or profile)"
_LOGIN = "log in again, for example with `aws sso login`"
_POLICY = "ask the bucket's owner for the policy of configuration/aws/ that allows it"
_REGION = "set it: `dvc remote modify --local {remote} region {region}`"
_WAIT = "try again in a minute, then look at the server's own log"

_LOGINS = {"SSOError", "LoginError", "NoAuthTokenError", "TokenRetrievalError"}


def _by_name(*entries: tuple[str, str, str, str]) -> dict[str, tuple[str, str, str]]:
    return {
        name: (check, what, fix) for names, check, what, fix in entries for name in names.split()
    }


#: S3's error codes: check, what it means, remedy.
CODES = _by_name(
    ("InvalidAccessKeyId", IDENTITY, "The server does not know this access key id", _KEYS),
    ("SignatureDoesNotMatch", IDENTITY, "The secret key is not that of the access key id", _KEYS),
    ("RequestTimeTooSkewed", IDENTITY,
     "This machine's clock is more than 15 minutes off the server's", "set the clock"),
    ("ExpiredToken ExpiredTokenException InvalidToken TokenRefreshRequired", IDENTITY,
     "The session of these credentials is over", _LOGIN),
    ("NoSuchBucket", BUCKET, "The bucket {bucket} does not exist", "{bucket_fix}"),
    ("InvalidBucketName", BUCKET, "The bucket name {bucket} is not allowed",
     "use 3 to 63 small letters, digits and hyphens in the remote's url"),
    ("PermanentRedirect AuthorizationHeaderMalformed 301 307", BUCKET,
     "The bucket {bucket} lies in another region", _REGION),
    ("NoSuchKey NoSuchVersion MethodNotAllowed", MISSING, "The object is missing",
     "look into {bucket}"),
    ("PreconditionFailed 412 InvalidRange 416", CHANGED, "The object has changed", "run it again"),
    ("AccessDenied 403 Forbidden AllAccessDisabled AccountProblem", ACCESS,
     "These credentials may not {action} {bucket}", _POLICY),
    ("QuotaExceeded InsufficientStorage 507", ACCESS,
     "The server has no room left for {bucket}", "free space there"),
    ("SlowDown ServiceUnavailable InternalError 500 502 503 504", ENDPOINT,
     "{endpoint} answers, but is out of order", _WAIT),
)  # fmt: skip
#: Errors of botocore by name; those that need more than that are below.
_ERRORS = _by_name(
    ("PartialCredentialsError", IDENTITY, "The credentials lack {detail}",
     "set both key id and secret key"),
    ("ProfileNotFound", IDENTITY, "There is no AWS profile {detail}",
     "correct its name (profile, AWS_PROFILE) or make it"),
    ("CredentialRetrievalError", IDENTITY, "The credentials could not be fetched",
     "run the credential_process of the AWS profile by hand"),
    ("ConfigParseError InvalidConfigError", IDENTITY, "The AWS configuration file cannot be read",
     "correct that file"),
    ("EndpointConnectionError", ENDPOINT, "Nothing listens at {endpoint}: connection refused",
     "{connect}"),
    ("ConnectTimeoutError", ENDPOINT, "{endpoint} cannot be reached within {seconds} s",
     "{connect}"),
    ("ReadTimeoutError TimeoutError", ENDPOINT,
     "{endpoint} takes the connection and does not answer within {seconds} s",
     "restart that server, or correct the address; for a slow line, set QUICKSTACK_PATIENCE=30"),
    ("ProxyConnectionError", ENDPOINT, "The proxy on the way to {endpoint} does not answer",
     "correct HTTP_PROXY and HTTPS_PROXY, or name the server in NO_PROXY"),
    ("SSLError", ENDPOINT, "{endpoint} offers no trusted TLS connection",
     "check http or https in the address, or set ssl_verify to your CA file"),
    ("ValueError", ENDPOINT, "The address of the server is not a web address",
     "write it as https://HOST:PORT"),
    ("ConnectionClosedError HTTPClientError", ENDPOINT, "{endpoint} breaks the connection off",
     "check http or https, host and port of the address"),
) | {"ParamValidationError": CODES["InvalidBucketName"]}  # fmt: skip


def patience() -> float:
    """Return for how many seconds a connection and an answer are waited for.

    `QUICKSTACK_PATIENCE` sets it, for a slow line.
    """
    try:
        return max(float(os.environ["QUICKSTACK_PATIENCE"]), 0.1)
    except (KeyError, ValueError):
        return SECONDS


@contextmanager
def diagnosed(remote: Remote, action: str = "use") -> Iterator[None]:
    """Turn what boto3 raises into its sentence.

    Raises
    ------
    StorageError
        With what is wrong and the remedy.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (BotoCoreError, ClientError, HTTPError, ValueError) as error:
        raise diagnose(error, remote, action=action).error(remote) from None
    except Boto3Error as error:  # of an upload: the reason lies within
        inner = error.__cause__ or error.__context__ or error
        raise diagnose(inner, remote, action=action).error(remote) from None


def diagnose(error: BaseException, remote: Remote, *, action: str = "use") -> Diagnosis:
    """Translate an error of boto3, or of a file system of DVC.

    Parameters
    ----------
    error
        What was raised.
    remote
        The remote that was asked.
    action
        What was tried, as in "may not ... BUCKET".

    Returns
    -------
    Diagnosis
        One sentence, the remedy, and the check it belongs to.
    """
    local = _is_loopback(_address(remote, error))
    if remote.scheme == "s3":
        check, what, fix = _meaning(error, local)
    else:
        check, what, fix = _meaning_elsewhere(error)
    words = {
        "address": _plain(remote.address),
        "bucket": remote.bucket,
        "remote": remote.name,
        "scheme": remote.scheme,
        "package": remote.package,
        "endpoint": endpoint_name(remote, error),
        "action": action,
        "seconds": f"{patience():g}",
        "bucket_fix": _bucket_fix(remote, local),
        "region": _region(error),
    }
    return Diagnosis(check, what.format(**words), fix.format(**words))


def _bucket_fix(remote: Remote, local: bool) -> str:
    if local:
        return "run `quickstack storage start`, which creates it"
    if "url" in remote.settings:
        return "create it, or correct the remote's url"
    return "correct its name, or the server's address (AWS_ENDPOINT_URL)"


def _meaning_elsewhere(error: BaseException) -> tuple[str, str, str]:
    """Translate what fsspec's file systems raise; their texts may hold keys and are not quoted."""
    match error:
        case ImportError():
            what = "DVC's package for {scheme}:// is not installed"
            return IDENTITY, what, "pip install {package}, and add it to pyproject.toml"
        case FileNotFoundError():
            return BUCKET, "{address} does not exist", "create it, or correct the remote's url"
        case PermissionError():
            return ACCESS, "You may not {action} {address}", "log in there, or ask its owner"
        case TimeoutError():
            what = "{address} does not answer within {seconds} s"
            return ENDPOINT, what, "check network, VPN and the remote's url"
    kind = type(error).__name__
    if isinstance(error, ConnectionError) or "Connect" in kind:  # aiohttp has its own
        return ENDPOINT, "{address} cannot be reached", "check network, VPN and the remote's url"
    what = f"{{address}} cannot be used ({kind})"
    return ENDPOINT, what, "see what `dvc status --cloud --remote {remote} --verbose` says of it"


def _meaning(error: BaseException, local: bool) -> tuple[str, str, str]:
    kind, details = type(error).__name__, getattr(error, "kwargs", {})
    # Errors of the connection have this attribute too, and it is None.
    if code := error_code(error):
        return CODES.get(code) or _unnamed(code)
    if kind == "ResponseParserError":
        return _unnamed("404")
    if kind == "NoCredentialsError":
        return IDENTITY, "No credentials were found", _no_credentials(local)
    if _LOGINS & {c.__name__ for c in type(error).__mro__}:
        return CODES["ExpiredToken"]
    start = "start it with `quickstack storage start`, or correct the address"
    connect = start if local else "check network, VPN and address (endpointurl, AWS_ENDPOINT_URL)"
    if kind == "EndpointConnectionError" and _unknown_host(details.get("error")):
        return ENDPOINT, "The name of {endpoint} is unknown", connect
    other = (ENDPOINT, f"{{endpoint}} cannot be used ({kind})", connect)
    check, what, fix = _ERRORS.get(kind, other)
    detail = _plain(str(details.get("profile") or details.get("cred_var") or ""))
    return check, what.replace("{detail}", detail), fix.replace("{connect}", connect)


def error_code(error: BaseException) -> str:
    """Return the code of an error with which S3 answered; empty for errors of another kind."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code") or "404") if response else ""


def _region(error: BaseException) -> str:
    """Return the region that S3 names when it sends there."""
    answer = getattr(error, "response", None) or {}
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    named = str(headers.get("x-amz-bucket-region") or answer.get("Error", {}).get("Region") or "")
    return named if named.replace("-", "").isalnum() else "REGION"


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
