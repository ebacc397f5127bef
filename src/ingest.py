"""Stage `ingest`: from the contract's source to clean, pseudonymous partitions and a report."""

from __future__ import annotations

import shutil

from quickstack.data.ingesting.cache import cache_folder
from quickstack.data.ingesting.engine import ingest
from quickstack.data.ingesting.progress import Progress
from quickstack.data.privacy.pseudonym_keys import contract_key
from quickstack.facts import paths
from quickstack.facts.errors import DataError
from quickstack.facts.files import whole_folder, write_json
from quickstack.facts.notices import told
from quickstack.facts.params import IngestParams
from quickstack.runtime.running.stage import Stage, run

#: So many warnings are shown.
_SHOWN = 10


def main(stage: Stage) -> None:
    """Ingest every source file; nothing is replaced until all of it is known to be usable."""
    contract = stage.contract()
    with (
        whole_folder(paths.INTERIM) as interim,
        whole_folder(paths.QUARANTINE) as quarantine,
        Progress(contract, stage.log) as progress,
    ):
        try:
            report = ingest(
                contract,
                key=contract_key(contract),
                interim=interim,
                quarantine=quarantine,
                block_bytes=stage.params(IngestParams).block_bytes,
                compute=stage.compute,
                cache=cache_folder(contract.id),
                progress=progress.add,
            )
        except DataError:
            # The quarantine of the previous result stays; these rows are beside it.
            with whole_folder(paths.REJECTED) as rejected:
                shutil.copytree(quarantine, rejected, dirs_exist_ok=True)
            raise
    shutil.rmtree(paths.REJECTED, ignore_errors=True)
    write_json(paths.QUALITY, report)
    for line in told(report, _SHOWN):
        stage.log(f"warning: {line}")
    rows = report["rows"]
    stage.log(
        f"{rows['clean']} of {rows['read']} rows clean, {rows['quarantined']} in quarantine",
        rows=rows["read"],
    )


if __name__ == "__main__":
    run("ingest", main)
