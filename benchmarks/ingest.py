"""Measure ingest, with every check and pseudonym on, against tools that only copy.

Run it with the environment's Python in the root of a clone: `python benchmarks/ingest.py`. It makes
a CSV of orders (12 columns, about 100 bytes a row, the same each time) in a temporary folder, and
lets each tool turn it into Parquet, taking turns, each in a process of its own with two threads:

No cell is quoted, as where a database or pandas writes such a table.

- ingest: types, required, allowed, ranges, pattern, length, a unique key over all rows, two
  pseudonym columns, personal data looked for in every text, counts, quarantine
- DuckDB `COPY`, Polars `scan_csv().sink_parquet()`, pyarrow's streaming reader and writer, and
  `dask.dataframe.read_csv().to_parquet()`, which check nothing

Seconds are those of the work, without the start of Python and the imports: each tool first reads a
file of 100 rows in the same process. Ratios are medians over rounds. Peers that are not installed
are named as not run. `--scale` runs ingest and DuckDB on ten times the rows as well; `--files 100`
measures what one new file among many costs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
PEERS = ("duckdb", "polars", "pyarrow", "dask")
THREADS = 2
_CHUNK = 250_000


def make_orders(path: Path, rows: int, first: int = 0) -> None:
    """Write orders `first` to `first + rows`: random by a fixed seed, customers come again."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for start in range(first, first + rows, _CHUNK):
            count = min(_CHUNK, first + rows - start)
            random = np.random.default_rng([7, start])
            ids = np.arange(start, start + count)
            customers = random.integers(0, 200_000, count)
            digits = pc.utf8_lpad(pa.array(customers).cast(pa.string()), 7, "0")
            notes = np.array([None, "leave it at the door", "ring twice please", "gift"], object)
            seconds = np.datetime64("2024-01-01", "s") + ids * 6
            table = pa.table(
                {
                    "order_id": 100_000_000 + ids,
                    "customer_id": pc.binary_join_element_wise("C", digits, ""),
                    "email": pc.binary_join_element_wise("user", digits, "@example.com", ""),
                    "ordered_at": pc.strftime(pa.array(seconds), "%Y-%m-%d %H:%M:%S"),
                    "shipped_on": pa.array(seconds.astype("datetime64[D]") + 2),
                    "region": np.array(["north", "east", "south", "west"], object)[ids % 4],
                    "payment": np.array(["card", "invoice", "debit"], object)[customers % 3],
                    "quantity": random.integers(1, 10, count),
                    "price": random.integers(100, 100_000, count) / 100,
                    "discount": random.integers(0, 3_000, count) / 10_000,
                    "express": random.random(count) < 0.3,
                    "note": notes[np.where(random.random(count) < 0.9, 0, customers % 4)],
                }
            )
            options = csv.WriteOptions(quoting_style="none", include_header=start == first)
            csv.write_csv(table, stream, options)


def contract(pattern: str):  # noqa: ANN201 - imported where it runs
    """Return the contract of the orders."""
    from quickstack.facts.contract.model import Column, Contract, Source, Split

    personal = {"personal": "pseudonym", "classification": "personal"}
    internal = {"classification": "internal"}
    return Contract(
        id="orders", name="Orders", version="1.0.0", description="", grain="One row per order.",
        source=Source(path=pattern),
        columns=(
            Column("order_id", "integer", unique=True, required=True, minimum=0),
            Column("customer_id", "string", required=True, pattern=r"^C\d{7}$", domain="customer",
                   **personal),
            Column("email", "string", max_length=100, domain="email", **personal),
            Column("ordered_at", "timestamp", format="yyyy-MM-dd HH:mm:ss", required=True,
                   minimum="2020-01-01"),
            Column("shipped_on", "date", format="yyyy-MM-dd"),
            Column("region", "string", allowed=("north", "east", "south", "west"), **internal),
            Column("payment", "string", allowed=("card", "invoice", "debit"), **internal),
            Column("quantity", "integer", required=True, minimum=1, maximum=1000),
            Column("price", "number", required=True, minimum=0, maximum=10_000),
            Column("discount", "number", minimum=0, maximum=1),
            Column("express", "boolean"),
            Column("note", "string", max_length=200, **internal),
        ),
        task="regression", target="price", split=Split(share=0.2), time_column="ordered_at",
    )  # fmt: skip


def run_ingest(folder: Path, out: Path) -> float:
    """Ingest the CSV files of a folder; return seconds."""
    from quickstack.data.ingesting.engine import ingest
    from quickstack.facts.params import ComputeParams, IngestParams, read_params

    size = read_params(IngestParams, ROOT / "params.yaml").block_bytes
    shutil.rmtree(out / "interim", ignore_errors=True)
    for name in ("interim", "quarantine"):
        (out / name).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    started = time.perf_counter()
    report = ingest(
        contract("*.csv"),
        key=bytes(32),
        interim=out / "interim",
        quarantine=out / "quarantine",
        block_bytes=size,
        compute=ComputeParams(workers=THREADS),
        cache=out / "cache",
    )
    seconds = time.perf_counter() - started
    assert report["rows"]["clean"] == report["rows"]["read"]
    return seconds


def run_peer(name: str, folder: Path, out: Path) -> float:
    """Let another tool copy the CSV files of a folder to Parquet; return seconds."""
    out.mkdir(parents=True, exist_ok=True)
    source, target = str(folder / "*.csv"), str(out / "copy.parquet")
    if name == "duckdb":
        import duckdb

        started = time.perf_counter()
        connection = duckdb.connect()
        connection.execute(f"SET threads = {THREADS}")
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{source}')) TO '{target}' (FORMAT parquet)"  # noqa: S608 - paths of ours
        )
    elif name == "polars":
        import polars

        started = time.perf_counter()
        polars.scan_csv(source).sink_parquet(target)
    elif name == "pyarrow":
        import pyarrow as pa
        from pyarrow import csv, parquet

        pa.set_cpu_count(THREADS)
        started = time.perf_counter()
        for index, path in enumerate(sorted(folder.glob("*.csv"))):
            reader = csv.open_csv(path, csv.ReadOptions(block_size=8 << 20))
            with parquet.ParquetWriter(f"{target}.{index}", reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
    else:
        import dask
        import dask.dataframe

        started = time.perf_counter()
        with dask.config.set(scheduler="threads", num_workers=THREADS):
            frame = dask.dataframe.read_csv(source, dtype={"note": "str"})
            frame.to_parquet(out / "dask")
    return time.perf_counter() - started


def run(tool: str, folder: Path, out: Path) -> float:
    """Let one tool turn the CSV files of a folder into Parquet; return seconds."""
    return run_ingest(folder, out) if tool == "ingest" else run_peer(tool, folder, out)


def measure(tool: str, folder: Path, out: Path) -> tuple[float, float]:
    """Run one tool in a process of its own; return seconds and the peak of its memory in MB."""
    command = [sys.executable, __file__, "--one", tool, str(folder), str(out)]
    environment = {**os.environ, "POLARS_MAX_THREADS": str(THREADS)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} failed:\n{done.stderr}")
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def present(tool: str) -> bool:
    """Return whether a peer is installed."""
    module = "dask.dataframe" if tool == "dask" else tool
    check = [sys.executable, "-c", f"import {module}"]
    return subprocess.run(check, capture_output=True, check=False).returncode == 0


def compare(
    rows: int, rounds: int, folder: Path, tools: list[str]
) -> dict[str, tuple[float, float]]:
    """Return the median seconds and the largest memory of each tool, which took turns."""
    data = folder / f"orders-{rows}"
    if not data.exists():
        make_orders(data / "orders.csv", rows)
    size = sum(p.stat().st_size for p in data.iterdir()) / 1e6
    print(
        f"{rows:,} rows, {size:,.0f} MB, 12 columns, {THREADS} threads, {rounds} rounds", flush=True
    )
    found: dict[str, list[tuple[float, float]]] = {tool: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            shutil.rmtree(folder / "out", ignore_errors=True)
            found[tool].append(measure(tool, data, folder / "out"))
    return {
        tool: (statistics.median(s for s, _ in runs), max(m for _, m in runs))
        for tool, runs in found.items()
    }


def incremental(files: int, rows: int, folder: Path) -> None:
    """Measure what one new file among many costs, three times, and compare with a cold run."""
    data = folder / "many"
    for index in range(files):
        make_orders(data / f"f{index:03}.csv", rows, index * rows)
    make_orders(folder / "one" / "f.csv", 100)
    start, _ = measure("ingest", folder / "one", folder / "first")
    full, _ = measure("ingest", data, folder / "warm")
    same, _ = measure("ingest", data, folder / "warm")
    times = []
    for index in range(files, files + 3):
        make_orders(data / f"f{index:03}.csv", rows, index * rows)
        times.append(measure("ingest", data, folder / "warm")[0])
    added = statistics.median(times)
    measure("ingest", data, folder / "cold")
    outputs = [
        {p.name: p.read_bytes() for p in (folder / name / "interim").iterdir()}
        for name in ("warm", "cold")
    ]
    print(f"{files} files of {rows:,} rows: all {full:.2f} s, none new {same:.2f} s, one new "
          f"{added:.2f} s; a file of 100 rows alone, the fixed start, {start:.2f} s: one new file "
          f"costs {(added - start) / full:.1%} of the full time beyond it; "
          f"as a cold run: {outputs[0] == outputs[1]}")  # fmt: skip


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", action="store_true", help="ten times the rows as well")
    parser.add_argument("--files", type=int, default=0, help="so many files, then one more")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        tool, folder, out = chosen.one[0], Path(chosen.one[1]), Path(chosen.one[2])
        with tempfile.TemporaryDirectory(prefix="ingest-warming-") as temporary:
            small = Path(temporary)
            make_orders(small / "data" / "orders.csv", 100)
            run(tool, small / "data", small / "out")
        seconds = run(tool, folder, out)
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    with tempfile.TemporaryDirectory(prefix="ingest-benchmark-") as temporary:
        folder = Path(temporary)
        if chosen.files:
            incremental(chosen.files, max(chosen.rows // chosen.files, 1), folder)
            return
        tools = ["ingest", *(peer for peer in PEERS if present(peer))]
        for peer in PEERS:
            if peer not in tools:
                print(f"not run: {peer}; install it beside the environment to compare")
        found = compare(chosen.rows, chosen.rounds, folder, tools)
        base = found["duckdb"][0] if "duckdb" in found else found["ingest"][0]
        for tool, (seconds, memory) in found.items():
            print(f"| {tool} | {seconds:.2f} | {seconds / base:.2f} | {memory:,.0f} |")
        if chosen.scale:
            large = compare(10 * chosen.rows, min(chosen.rounds, 3), folder, tools[:2])
            for tool, (seconds, memory) in large.items():
                ratio = seconds / found[tool][0]
                print(f"| {tool}, ten times the rows | {seconds:.2f} | {ratio:.2f} times "
                      f"| {memory:,.0f} |")  # fmt: skip


if __name__ == "__main__":
    main()
