"""Stage `sample`: write the built-in data set, one file a month."""

from __future__ import annotations

from quickstack.data.sample.generate import sample_months
from quickstack.facts import paths
from quickstack.facts.files import whole_folder, write_text
from quickstack.facts.params import SampleParams
from quickstack.runtime.running.stage import Stage, run


def main(stage: Stage) -> None:
    """Write every month of the sample as one CSV file."""
    params = stage.params(SampleParams)
    with whole_folder(paths.RAW / "sample") as folder:
        for month, text in sample_months(params.rows, params.seed):
            write_text(folder / f"subscriptions_{month}.csv", text)
    stage.log(f"{params.rows} invented customer-months written", rows=params.rows)


if __name__ == "__main__":
    run("sample", main)
