"""Stage `ingest`: from the contract's source to clean, pseudonymous partitions and a report."""

from __future__ import annotations

from functools import partial

from quickstack import paths
from quickstack.compute import map_partitions
from quickstack.ingesting.duplicates import quarantine_duplicates
from quickstack.ingesting.partition import Job, ingest_partition
from quickstack.lineage.stage import Stage, run
from quickstack.params import IngestParams
from quickstack.privacy.keys import contract_key, fingerprint
from quickstack.quality.summary import quality_report, require_usable
from quickstack.sources.raw import find_partitions
from quickstack.writing import whole_folder, write_json


def main(stage: Stage) -> None:
    """Ingest every source file; nothing is replaced until all of it is known to be usable."""
    contract = stage.contract()
    params = stage.params(IngestParams)
    key = contract_key(contract)
    partitions = find_partitions(contract)
    with whole_folder(paths.INTERIM) as interim, whole_folder(paths.QUARANTINE) as quarantine:
        job = partial(
            Job,
            contract=contract,
            key=key,
            block_rows=params.block_rows,
            interim=interim,
            quarantine=quarantine,
        )
        jobs = [job(partition) for partition in partitions]
        outcomes = map_partitions(ingest_partition, jobs, stage.compute)
        quarantine_duplicates(jobs, outcomes)
        report = quality_report(
            contract, [o.counts for o in outcomes], fingerprint(key) if key else None
        )
        require_usable(contract, report)
    write_json(paths.QUALITY, report)
    rows = report["rows"]
    stage.log(f"{rows['clean']} of {rows['read']} rows clean, {rows['quarantined']} in quarantine")


if __name__ == "__main__":
    run("ingest", main)
