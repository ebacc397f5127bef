"""Read what ingest left: clean, typed, pseudonymous Parquet, one file per source file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quickstack.facts.contract.model import LogicalType
from quickstack.facts.errors import SourceError
from quickstack.facts.paths import INTERIM

if TYPE_CHECKING:
    import pandas as pd


def partitions(folder: Path = INTERIM) -> list[Path]:
    """Return the partitions, in the order in which their rows count.

    Raises
    ------
    SourceError
        Where there is none.
    """
    found = sorted(folder.glob("*.parquet"), key=lambda path: path.name)
    if not found:
        raise SourceError("there is no clean data", where=folder.as_posix(), fix="run `dvc repro`")
    return found


def read_interim(columns: list[str] | None = None, folder: Path = INTERIM) -> pd.DataFrame:
    """Read all partitions as one table, rows in source order.

    Parameters
    ----------
    columns
        The columns to read; all of them where None.
    folder
        Where the partitions lie.

    Returns
    -------
    pandas.DataFrame
        Index 0 to n-1. Text is `str`, whole numbers `Int64`, numbers `float64`, truth values
        `boolean`, dates and timestamps `datetime64[us]`; missing values are NA or NaT.
    """
    import pandas as pd

    frames = [read_partition(path, columns) for path in partitions(folder)]
    return pd.concat(frames, ignore_index=True)


def read_partition(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read one partition, typed as `read_interim` says."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # no permission, no such file: known by its number
        raise SourceError(
            "this is damaged, or no partition of this contract",
            where=path.as_posix(),
            fix="run `dvc repro`, which writes it again",
        ) from None
    for index, field in enumerate(table.schema):
        if pa.types.is_date32(field.type):
            column = table.column(index).cast(pa.timestamp("us"))
            table = table.set_column(index, field.name, column)
    mapping = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=mapping.get, use_threads=False)


def interim_texts(values: pd.Series, kind: LogicalType) -> pd.Series:
    """Write the values of a column as they stand in an exported CSV; missing ones stay missing.

    Parameters
    ----------
    values
        As `read_interim` reads them.
    kind
        The type that the column has in the clean data.

    Returns
    -------
    pandas.Series
        `str`, index as in `values`: text as it is, `true` and `false`, whole numbers without
        decimals, dates as ISO 8601.
    """
    import pandas as pd
    import pyarrow as pa

    if kind == "string":
        return values.astype("str")
    array = pa.array(values, from_pandas=True)
    if kind == "date":
        array = array.cast(pa.date32())
    texts = array.cast(pa.large_string()).to_pandas()
    return pd.Series(texts.array, index=values.index, dtype="str")
