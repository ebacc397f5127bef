"""What must hold before a run is published; each gate passes with a phrase or refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from quickstack.facts import paths
from quickstack.facts.errors import DataError, QuickstackError
from quickstack.results.publishing.run_metadata import git

if TYPE_CHECKING:
    from quickstack.results.publishing.publication import Built

Gate = Callable[[Path], str]


def committed(root: Path) -> str:
    """Hold the workspace against the commit: what is published must be found there.

    Raises
    ------
    QuickstackError
        Where they differ.
    """
    changed = git(root, "status", "--porcelain").splitlines()
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        names = ", ".join(line[3:] for line in changed[:3])
        raise QuickstackError(
            f"the workspace differs from the commit: {names}{more}",
            fix="commit it: git add --all && git commit",
        )
    return "the workspace is what the commit says"


def verified(root: Path) -> str:
    """Do what `quickstack verify` does.

    Raises
    ------
    QuickstackError
        With the first thing that is wrong.
    """
    from quickstack.guard.verifying.levels import QUICK, results
    from quickstack.runtime.storage.health_check import Status

    for result in results(root, QUICK):
        if result.status == Status.FAILED:
            raise QuickstackError(
                f"this commit does not hold what it says: {result.sentence}",
                fix="see `quickstack verify`; run `dvc repro`, and commit",
            )
    return "dvc.lock describes this state, and stages declare what they import"


def of_quality(root: Path) -> str:
    """Hold the quality report against the contract: every row accounted for, few set aside.

    Raises
    ------
    DataError
        Where it does not hold.
    """
    from quickstack.facts.contract import load_contract
    from quickstack.facts.files import read_json

    quality = read_json(root / paths.QUALITY)
    where = paths.QUALITY.as_posix()
    rows = quality["rows"]
    limit = load_contract(
        root / paths.contract_path(quality["dataset"])
    ).source.max_quarantined_share
    # Rows suppressed for k-anonymity are right; they say nothing against the data.
    hidden = sum(rule["rows"] for rule in quality["rules"] if rule["rule"] == "k-anonymity")
    wrong = rows["quarantined"] - hidden
    if rows["read"] != rows["clean"] + rows["quarantined"] or rows["clean"] == 0:
        raise DataError(
            f"the quality gate failed: {rows['read']:,} rows read are not {rows['clean']:,} clean "
            f"and {rows['quarantined']:,} in quarantine, or none is clean",
            where=where,
            fix="run `dvc repro`",
        )
    if wrong > limit * rows["read"]:
        raise DataError(
            f"the quality gate failed: {wrong:,} of {rows['read']:,} rows break the contract, and "
            f"it allows {limit:.1%}",
            where=where,
            fix="correct the data or the contract, and run `dvc repro`",
        )
    return f"{rows['clean']:,} clean rows, {rows['quarantined']:,} in quarantine"


def of_model(root: Path) -> str:
    """Hold the model against what can be believed; say what the best naive guess reaches.

    Raises
    ------
    DataError
        Where it is too good, and the contract does not answer why.
    """
    from quickstack.facts.files import read_json
    from quickstack.models.evaluation.gain import guess_name

    metrics, name = read_json(root / paths.METRICS), _main_metric(root)
    if doubt := metrics.get("doubt"):
        raise DataError(doubt, where=paths.METRICS.as_posix(), fix="answer it, and run `dvc repro`")
    value, base = metrics[name], metrics["baseline"].get(name)
    if value is None or base is None:
        return f"{name} does not exist on these test rows"
    return f"{name} {value:.3f}; without a model {base:.3f}, by {guess_name(metrics, name)}"


def doubts_of(root: Path) -> tuple[str, ...]:
    """Return the sentences for each of which publishing asks for a reason."""
    from quickstack.facts.files import read_json
    from quickstack.models.evaluation.gain import no_gain

    found = no_gain(read_json(root / paths.METRICS), _main_metric(root))
    return (found,) if found else ()


def _main_metric(root: Path) -> str:
    from quickstack.facts.contract import load_contract
    from quickstack.facts.params import read_dataset

    return load_contract(root / paths.contract_path(read_dataset(root / paths.PARAMS))).main_metric


#: Before anything is built, in the order in which they are shown.
GATES: dict[str, Gate] = {
    "committed": committed,
    "verified": verified,
    "quality": of_quality,
    "model": of_model,
}


def leak_free(root: Path, built: Built) -> str:
    """Look for the personal values of the raw data in all that will be published.

    Raises
    ------
    DataError
        Where one is found, or a key or secret, a file cannot be looked into, or there are no
        values to look for although the contract names personal columns.
    """
    from functools import partial

    from quickstack.data.unpacking.buffers import from_file
    from quickstack.facts.contract import load_contract
    from quickstack.facts.errors import SourceError
    from quickstack.facts.params import read_dataset
    from quickstack.guard.scanning.leak_scan import Scanner, leaked_keys
    from quickstack.guard.scanning.raw_values import personal_values
    from quickstack.guard.scanning.searched_values import searchable
    from quickstack.guard.scanning.workspace_files import Item

    contract = load_contract(root / paths.contract_path(read_dataset(root / paths.PARAMS)))
    items = [
        Item("export", path, partial(from_file, source))
        for path, source in {**built.sources, built.manifest.name: built.manifest}.items()
    ]
    if keys := leaked_keys(root, items).findings:
        raise DataError(
            f"the leak scan failed: {keys[0].sentence()}",
            fix="take it out of what is exported, put a new key or secret in its place, and run "
            "`dvc repro`",
        )
    columns = [c for table in (contract, *contract.tables) for c in table.columns]
    if not any(column.personal not in (None, "keep") for column in columns):
        return "the contract names no personal column, so there is nothing to look for"
    try:
        raw = personal_values(root)
    except SourceError as error:
        raise _unscanned(error.what) from None
    if not any(root.glob(contract.source.path)):
        raise _unscanned("the raw data are not here, to take personal values from")
    scanner = Scanner(searchable(raw.values, raw.public))
    scanner.scan(items)
    report = scanner.report
    troubles = [one.sentence() for one in report.findings]
    troubles += [one.sentence() for one in report.unread]
    if troubles:
        raise DataError(
            f"the leak scan failed: {troubles[0]}",
            fix="see `quickstack scan`; correct the contract, and run `dvc repro`",
        )
    return f"none of {report.values:,} personal values in {sum(report.read.values())} files"


def _unscanned(why: str) -> DataError:
    return DataError(
        f"the leak scan cannot run: {why}",
        where=paths.RAW.as_posix(),
        fix="bring the raw data by `dvc pull`, or publish where they are",
    )
