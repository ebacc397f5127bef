"""DVC's configuration files: the private one is written here, the committed one holds no keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from quickstack.facts.errors import StorageError
from quickstack.facts.files import write_private
from quickstack.runtime.storage.seaweedfs import KEY_PREFIX
from quickstack.runtime.storage.server import ServerInfo
from quickstack.runtime.stores.remotes import LOCAL, NAMES

# What a remote of any kind may hold and git may not.
SECRETS = (
    "access_key_id|secret_access_key|session_token|password|passphrase|token|sse_customer_key"
    "|account_key|sas_token|connection_string|client_secret|gdrive_client_secret|oss_key_secret"
)
_SECRET = re.compile(rf"\s*['\"]?({SECRETS})['\"]?\s*=", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"\s*(url|endpointurl)\s*=\s*\w+://[^/\s]*:[^/\s]*@", re.IGNORECASE)

# Settings that choose the server or the identity, and would win over or mix with ours.
_CHOICES = (
    "endpointurl",
    "access_key_id",
    "profile",
    "session_token",
    "credentialpath",
    "configpath",
    "allow_anonymous_login",
)


def write_local_config(
    root: Path, server: ServerInfo, names: Iterable[str] = NAMES, *, replace: bool = False
) -> Path:
    """Point remotes at a local server in `.dvc/config.local`; other settings in it stay.

    Parameters
    ----------
    root
        Root of the repository.
    server
        The local server.
    names
        The remotes to point at it.
    replace
        Whether to replace keys or addresses of another server.

    Returns
    -------
    Path
        The file, readable by its owner alone.

    Raises
    ------
    StorageError
        When the file cannot be read, or names another server and `replace` is not set.
    """
    if not replace:
        check_no_other_server(root, names)
    config = _read(root)
    for name in names:
        section = config.setdefault(_section(name), {})
        for key in _choices_of_another(section):
            del section[key]
        section["endpointurl"] = server.endpoint
        section["access_key_id"] = server.access_key
        section["secret_access_key"] = server.secret_key
    path = root / LOCAL
    write_private(path, "\n".join(config.write()) + "\n")
    return path


def check_no_other_server(root: Path, names: Iterable[str] = NAMES) -> None:
    """Refuse where `.dvc/config.local` holds keys or addresses that were not made here.

    Parameters
    ----------
    root
        Root of the repository.
    names
        The remotes to look at.

    Raises
    ------
    StorageError
        When the file cannot be read, or names another server.
    """
    config = _read(root)
    for name in names:
        if foreign := _choices_of_another(config.get(_section(name), {})):
            raise StorageError(
                f"The remote {name} is set to another S3 server ({', '.join(foreign)})",
                where=str(LOCAL),
                fix="leave it so, or run `quickstack storage start --replace` to forget it",
            )


def _read(root: Path) -> Any:
    from configobj import ConfigObj, ConfigObjError

    path = root / LOCAL
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return ConfigObj(lines, interpolation=False)
    except (ConfigObjError, UnicodeDecodeError) as error:
        line = getattr(error, "line_number", None)
        raise StorageError(
            "It cannot be read as a configuration",
            where=f"{LOCAL}, line {line}" if line else str(LOCAL),
            fix="correct that line, or delete the file",
        ) from None


def _section(name: str) -> str:
    return f'remote "{name}"'


def _choices_of_another(section: Mapping[str, str]) -> list[str]:
    if section.get("access_key_id", "").startswith(KEY_PREFIX):
        return []
    return [key for key in _CHOICES if key in section]


def check_no_secrets(config_path: Path) -> None:
    """Refuse a committed DVC configuration that holds keys: DVC writes them there silently.

    Parameters
    ----------
    config_path
        `.dvc/config`.

    Raises
    ------
    StorageError
        With the line of each key found, never its value.
    """
    text = config_path.read_text(encoding="utf-8", errors="replace")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _SECRET.match(line):
            found.append(f"{match[1]} in line {number}")
        elif _PASSWORD_IN_URL.match(line):
            found.append(f"a password in the address of line {number}")
    if found:
        raise StorageError(
            f"A file that git shares holds keys: {', '.join(found)}",
            where=str(config_path),
            fix="remove them there, set them with `dvc remote modify --local` instead, "
            "and replace the keys if they were ever committed",
        )
