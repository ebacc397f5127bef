"""Measure the export of a million predictions beside pyarrow writing the same files alone.

Run it in the root of a clone after `dvc repro` of the sample: `python benchmarks/export.py`. It
repeats the sample's clean rows under other keys until there are enough, in a temporary folder, and
runs the stage `export` on them with the sample's model. In turn, pyarrow writes the same rows from
memory into the same CSV and Parquet files, one after the other, with the same settings and nothing
else: no labels, no contract, no hashes, no page, no Power BI project. Each run is a process of its
own; seconds are those of the work, without the start of Python and the imports. Making the
predictions, which is to read the model and the rows and to score them, is shown apart; it comes
before the rest and not beside it, so that nothing hides behind it. The export of the round before
is taken away first, as DVC does before a stage runs. Ratios are medians over rounds. The
processors' time is shown too: on a machine that does other work it varies less, and the clock
cannot show what a second thread is worth.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))


def now() -> tuple[float, float]:
    """Return the clock and the processors' time of this process, in seconds."""
    return time.perf_counter(), time.process_time()


def prepare(folder: Path, rows: int) -> int:
    """Make the folder of a run whose clean data has about `rows` rows; return how many."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for name in ("configuration", "reports", "models"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "params.yaml", folder)
    interim = sorted((ROOT / "data/interim").glob("*.parquet"))
    if not interim:
        raise SystemExit("There is no clean data. To fix it: run `dvc repro` before.")
    have = sum(pq.read_metadata(path).num_rows for path in interim)
    copies, made = -(-rows // have), 0
    (folder / "data/interim").mkdir(parents=True)
    for path in interim:
        table = pq.read_table(path)
        parts = []
        for number in range(copies):
            names = pc.binary_join_element_wise(table["customer_id"], f"{number:04x}", "")
            key = pc.utf8_slice_codeunits(names, 4)  # as long as before
            place = table.schema.get_field_index("customer_id")
            parts.append(table.set_column(place, "customer_id", key))
        whole = pa.concat_tables(parts)
        pq.write_table(whole, folder / "data/interim" / path.name, store_schema=False)
        made += whole.num_rows
    return made


def run_export(folder: Path) -> dict[str, float]:
    """Run the stage in `folder`; return what all but making predictions takes, and that."""
    from quickstack.runtime.running.stage import Stage

    # Imports are no part of the work: what the stage imports inside functions comes first.
    for name in ("jinja2", "pandas", "pyarrow.csv", "pyarrow.parquet", "yaml"):
        importlib.import_module(name)
    os.chdir(folder)
    stage_given = Stage("export", "sample")
    stage_given.contract()
    shutil.rmtree("exports", ignore_errors=True)
    spec = importlib.util.spec_from_file_location("stage_export", ROOT / "src" / "export.py")
    if spec is None or spec.loader is None:
        raise SystemExit("src/export.py is not there")
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    scoring = [0.0, 0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start = now()
            result = function(*arguments)
            scoring[:] = (a + b - c for a, b, c in zip(scoring, now(), start, strict=True))
            return result

        return call

    for name in ("load_model", "read_partition", "predict"):
        setattr(stage, name, timed(getattr(stage, name)))
    start = now()
    stage.main(stage_given)
    seconds, work = (a - b - c for a, b, c in zip(now(), start, scoring, strict=True))
    return {"seconds": seconds, "work": work, "scoring": scoring[0]}


def run_pyarrow(folder: Path) -> dict[str, float]:
    """Write every table of the export again with pyarrow, as one table per file."""
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    exports, again = folder / "exports", folder / "again"
    shutil.rmtree(again, ignore_errors=True)
    tables = {}
    for path in sorted(exports.rglob("*.parquet")):
        target = again / path.relative_to(exports)
        target.parent.mkdir(parents=True, exist_ok=True)
        tables[target] = pq.read_table(path).combine_chunks()
    options = pa_csv.WriteOptions(eol="\r\n", quoting_style="needed", quoting_header="none")
    start = now()
    for path, table in tables.items():
        pa_csv.write_csv(table, path.with_suffix(".csv"), write_options=options)
        pq.write_table(
            table, path, version="1.0", data_page_version="1.0", use_dictionary=False,
            store_schema=False, compression="snappy", row_group_size=1 << 17,
        )  # fmt: skip
    seconds, work = (a - b for a, b in zip(now(), start, strict=True))
    return {"seconds": seconds, "work": work}


def measure(kind: str, folder: Path) -> dict[str, float]:
    """Run one turn in a process of its own; return its seconds and peak memory in MB."""
    done = subprocess.run(
        [sys.executable, __file__, "--turn", kind, "--folder", str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn", choices=("export", "pyarrow"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.turn:
        found = (run_export if asked.turn == "export" else run_pyarrow)(asked.folder)
        found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = prepare(folder, asked.rows)
        turns: dict[str, list[dict[str, float]]] = {"export": [], "pyarrow": []}
        for _ in range(asked.rounds):
            for kind, found in turns.items():
                found.append(measure(kind, folder))
        exports = folder / "exports"
        files = sorted(path.relative_to(exports) for path in exports.rglob("*") if path.is_file())
        same = all(
            (folder / "again" / path).read_bytes() == (exports / path).read_bytes()
            for path in files
            if path.suffix == ".csv"
        )
        page = (exports / "index.html").stat().st_size
        mega = sum((exports / path).stat().st_size for path in files) / 1e6
    middle = {
        kind: {key: statistics.median(one[key] for one in found) for key in found[0]}
        for kind, found in turns.items()
    }
    print(f"{rows:,} predictions, {len(files)} files, {mega:.0f} MB, medians of {asked.rounds}")
    print(f"making the predictions  {middle['export']['scoring']:6.2f} s")
    print("                         clock  processors")
    for kind, name in (("export", "export them"), ("pyarrow", "pyarrow alone")):
        print(f"{name:22}  {middle[kind]['seconds']:6.2f} s {middle[kind]['work']:7.2f} s")
    ratios = [
        statistics.median(a[key] / b[key] for a, b in zip(*turns.values(), strict=True))
        for key in ("seconds", "work")
    ]
    print(f"ratio                   {ratios[0]:6.2f}   {ratios[1]:7.2f}   (allowed: 1.5)")
    print(f"peak memory             {middle['export']['peak']:6.0f} MB (allowed: 1,500)")
    print(f"page                    {page / 1000:6.1f} kB (allowed: 100)")
    print(f"same CSV as pyarrow's   {same}")


if __name__ == "__main__":
    main()
