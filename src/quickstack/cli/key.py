"""`quickstack key`: the keys for pseudonyms: make, share, rotate, name and destroy them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from quickstack.data.privacy.pseudonym_keys import Epoch

app = typer.Typer(
    help="Make, share, rotate and destroy keys for pseudonyms.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def new() -> None:
    """Make the first key, in a git-ignored file that only you can read."""
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import add_key, epochs

    root = find_root()
    _announce(add_key(root, first=True), "made")
    typer.echo("Keep a copy in your team's password manager: a lost key cannot be made again.")
    _pin(root, epochs(root)[-1], "To pin it")


@app.command()
def rotate() -> None:
    """Make the key of the next epoch. Old keys stay until you destroy them."""
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import KEYS, add_key, epochs
    from quickstack.facts.errors import QuickstackError

    root = find_root()
    if not epochs(root):
        raise QuickstackError(
            "there is no key to rotate", where=KEYS.as_posix(), fix="run `quickstack key new`"
        )
    made = add_key(root)
    _announce(made, "made")
    typer.echo("Keep a copy in your team's password manager: a lost key cannot be made again.")
    _pin(root, made, "To use it")
    typer.echo("Then run `dvc repro`.")
    typer.echo(
        "Earlier versions keep the pseudonyms of the old key, until `quickstack key destroy`."
    )


@app.command()
def add(
    epoch: Annotated[
        int | None,
        typer.Option(min=1, max=9999, help="Number of the epoch. Default: the next one."),
    ] = None,
) -> None:
    """Store a key that your team gave you.

    It prompts for its 64 hexadecimal digits, or reads them from a pipe.
    """
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import add_key, parse_key

    text = typer.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    _announce(add_key(find_root(), parse_key(text, "standard input"), epoch), "kept")


@app.command()
def show() -> None:
    """List the epoch and fingerprint of each key, and who uses it."""
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import (
        KEY_VARIABLE,
        KEYS,
        destroyed,
        epochs,
        find_keyring,
        fingerprint,
        own_key,
        own_keys,
    )

    root = find_root()
    ring = find_keyring()
    known = epochs(ring) if ring else []
    key = own_key()
    used = _uses(root, fingerprint(key) if key else None)
    for epoch in known:
        typer.echo(f"epoch {epoch.number}  {epoch.fingerprint}  {_users(used, epoch.fingerprint)}")
    for named in own_keys():
        if named not in {epoch.fingerprint for epoch in known}:
            typer.echo(f"{KEY_VARIABLE}  {named}  {_users(used, named)}")
    for named, day in (destroyed(ring) if ring else {}).items():
        typer.echo(f"destroyed on {day}  {named}  {_users(used, named)}")
    if key is None:
        typer.echo(f"no key: neither {KEY_VARIABLE} nor a file in {KEYS.as_posix()}")
        raise typer.Exit(1)


@app.command()
def destroy(
    fingerprint: Annotated[str, typer.Argument(help="Fingerprint of the key.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not prompt.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Destroy it even if a contract uses it.")
    ] = False,
) -> None:
    """Overwrite and remove a key.

    Its pseudonyms can then never again be linked to a person.
    """
    from quickstack.cli.repository import find_root
    from quickstack.data.privacy.pseudonym_keys import (
        KEY_VARIABLE,
        KEYS,
        destroyed,
        epochs,
        own_keys,
    )
    from quickstack.data.privacy.pseudonym_keys import destroy as destroy_key
    from quickstack.facts.errors import QuickstackError

    root = find_root()
    known = epochs(root)
    epoch = next((epoch for epoch in known if epoch.fingerprint == fingerprint), None)
    if epoch is None:
        when = destroyed(root).get(fingerprint)
        what = f"it was destroyed on {when}" if when else "the keyring does not hold this key"
        raise QuickstackError(what, where=f"key {fingerprint}", fix="see `quickstack key show`")
    using = [] if force else _uses(root, known[-1].fingerprint, strict=True).get(fingerprint, [])
    if using:
        raise QuickstackError(
            f"{', '.join(using)} would lose the key",
            where=f"key {fingerprint}",
            fix="run `quickstack key rotate` and name the new key there first, or add --force",
        )
    if not yes:
        typer.echo(
            f"Without key {fingerprint} its pseudonyms in every version, backup and export can "
            "never again be\nmade, tested or linked to a person. This cannot be undone."
        )
        typer.confirm("Destroy it?", abort=True)
    destroy_key(root, epoch)
    typer.echo(f"destroyed key {fingerprint}; {KEYS.as_posix()}/destroyed.jsonl names the day")
    typer.echo(
        "Destroy its other copies too: in the password manager, with colleagues, in backups, in CI."
    )
    if fingerprint in own_keys():
        typer.echo(f"{KEY_VARIABLE} still holds it: unset it wherever it is set.")


def _announce(epoch: Epoch, verb: str) -> None:
    from quickstack.data.privacy.pseudonym_keys import shown

    typer.echo(f"{verb} key {epoch.fingerprint} in {shown(epoch.path)}; git ignores it")


def _pin(root: Path, epoch: Epoch, why: str) -> None:
    """Say what to write into contracts, and which of them name a key that is not at hand."""
    from quickstack.data.privacy.pseudonym_keys import SAMPLE_KEY, fingerprint, own_keys

    typer.echo(f"{why}, write this under the contract's customProperties:")
    typer.echo(f"  - {{property: pseudonymKey, value: {epoch.fingerprint}}}")
    at_hand, published = own_keys(root), fingerprint(SAMPLE_KEY)
    for named, users in _uses(root, None).items():
        for name in users if named not in at_hand else ():
            if (name, named) != ("sample", published):
                what = "the sample's published key" if named == published else f"key {named}"
                typer.echo(f"Contract '{name}' names {what}: write this one in its place.")


def _users(used: dict[str, list[str]], named: str) -> str:
    return f"used by {', '.join(used[named])}" if named in used else "used by no contract"


def _uses(root: Path, newest: str | None, *, strict: bool = False) -> dict[str, list[str]]:
    """Return the contracts that each key serves; one that pins none takes the newest."""
    from quickstack.facts.contract import load_contract
    from quickstack.facts.errors import ContractError
    from quickstack.facts.paths import CONTRACTS

    found: dict[str, list[str]] = {}
    for path in sorted((root / CONTRACTS).glob("*.odcs.yaml")):
        try:
            contract = load_contract(path)
        except ContractError as error:
            if strict:
                raise
            typer.echo(f"{path.name} cannot be read: {error.sentence()}", err=True)
            continue
        named = contract.key_fingerprint or (newest if contract.needs_key else None)
        if named:
            found.setdefault(named, []).append(contract.id)
    return found
