"""Raw data are opened and parsed by `data.readers` alone, so that all know all of the contract."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from helpers import ROOT

LIBRARY = ROOT / "src" / "quickstack"
#: What reads a table, or unpacks one, by the module it is imported from; None for all of it.
PARSERS: dict[str, tuple[str, ...] | None] = {
    "csv": None,
    "python_calamine": None,
    "openpyxl": None,
    "bz2": None,
    "gzip": None,
    "lzma": None,
    "tarfile": None,
    "zipfile": None,
    "pyarrow": ("CompressedInputStream", "input_stream"),
    "pyarrow.csv": ("read_csv", "open_csv"),
    "pyarrow.json": None,
    "pyarrow.dataset": None,
    "pyarrow.feather": ("read_table", "read_feather"),
    "pyarrow.orc": None,
    "pyarrow.parquet": ("ParquetFile", "ParquetDataset", "read_table", "read_pandas"),
    "pandas": ("read_csv", "read_excel", "read_fwf", "read_json", "read_parquet", "read_table"),
    "polars": None,
    "duckdb": None,
}
#: Who reads tables, and which: none is raw but in the first room.
ROOMS = {
    "data/readers": "raw data",
    "data/unpacking": "what a leak scan looks into: outputs, objects, files of git",
    "data/landing": "rows that it landed itself, by the types that the database gave them",
    "data/ingesting": "its own clean rows, and the code that it sends to a cluster",
    "data/interim": "interim tables",
    "data/privacy": "the list of names that it ships",
    "models/modeling": "model files",
    "results/comparing": "outputs of two revisions",
    "results/exporting": "its own tables",
    "guard/verifying": "outputs of two runs",
}
#: What only somebody with raw files at hand uses.
RAW_NAMES = {
    "Partition", "find_partitions", "open_partition", "partitions_of", "raw_blocks",
    "raw_partitions", "read_blocks", "read_listing",
}  # fmt: skip
#: How rows are written, which who parses them must know.
DIALECT = {"delimiter", "quote", "skip_lines", "skip_initial_space", "line_end", "sheet"}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def parsers(tree: ast.AST) -> set[str]:
    """Return what a module uses to read or unpack tables, under the names of its packages."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                names[alias.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    used = set(names.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = dotted(node).partition(".")
            used.add(f"{names.get(first, '')}.{rest}")
    found = set()
    for package, members in PARSERS.items():
        wanted = [package] if members is None else [f"{package}.{member}" for member in members]
        whole = members is None
        found |= {n for n in used for w in wanted if n == w or (whole and n.startswith(f"{w}."))}
    return found


def knows_raw(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} & RAW_NAMES
    return names | {
        n.attr
        for n in nodes
        if isinstance(n, ast.Attribute) and n.attr in DIALECT and dotted(n) != "shlex.quote"
    }


def faults(path: Path, tree: ast.AST) -> list[str]:
    """Return what a module does with raw data that the readers should do."""
    room = path.relative_to(LIBRARY).parent.as_posix()
    # To draft a contract is to find out what the readers need to be told.
    if room in ("data/readers", "data/onboarding") or room.startswith("facts"):
        return []
    used, raw = parsers(tree), knows_raw(tree)
    found = [f"{path.name} parses by {name}" for name in sorted(used) if room not in ROOMS]
    found += [f"{path.name} parses by {name}, and knows {raw}" for name in sorted(used) if raw]
    return found + [f"{path.name} knows {name}" for name in sorted(raw & DIALECT)]


def test_no_other_module_opens_or_parses_raw_data():
    modules = sorted(LIBRARY.rglob("*.py"))
    assert len(modules) > 200
    assert [f for path in modules for f in faults(path, ast.parse(path.read_text("utf-8")))] == []


def test_each_room_that_may_read_tables_does():
    """A room that no longer does is taken off the list, so that the list says what is true."""
    for room in ROOMS:
        trees = [ast.parse(path.read_text("utf-8")) for path in (LIBRARY / room).glob("*.py")]
        assert any(parsers(tree) for tree in trees), room


PLANTED = {
    "a parser of its own": ("import csv\nrows = csv.reader(stream)", "guard/scanning"),
    "an unpacker": ("def f():\n    from gzip import open as g", "guard/erasing"),
    "pandas": ("import pandas as pd\npd.read_csv(path, sep=';')", "cli"),
    "Parquet by another name": (
        "import pyarrow.parquet as x\nx.read_table(p)",
        "results/publishing",
    ),
    "raw data in a room of outputs": (
        "import pyarrow.parquet as pq\npq.ParquetFile(find_partitions(contract)[0].path)",
        "results/comparing",
    ),
    "lines split by hand": ("cells = line.split(source.delimiter)", "guard/scanning"),
    "lines left out by hand": ("for _ in range(c.source.skip_lines): next(f)", "data/ingesting"),
}


@pytest.mark.parametrize("case", list(PLANTED))
def test_a_second_reader_would_be_found(case):
    text, room = PLANTED[case]
    assert faults(LIBRARY / room / "planted.py", ast.parse(text))
    assert not faults(LIBRARY / "data/readers/planted.py", ast.parse(text))
