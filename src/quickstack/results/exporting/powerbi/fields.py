"""The fields of a model that pages show, found by what the exported tables call them."""

from __future__ import annotations

from dataclasses import dataclass

from quickstack.facts.contract.model import Contract
from quickstack.results.exporting.powerbi.measures import quality_metrics, reported_name
from quickstack.results.exporting.powerbi.semantic_model import ModelTable, SemanticModel
from quickstack.results.exporting.powerbi.visuals import Ref


@dataclass(frozen=True)
class Fields:
    """A model and its contract, with short ways to name a field."""

    model: SemanticModel
    contract: Contract

    def measure(self, name: str) -> Ref:
        """Return a measure."""
        return Ref("_Measures", name, measure=True)

    def has(self, measure: str) -> bool:
        """Return whether the model has a measure."""
        return any(m.name == measure for t in self.model.tables for m in t.measures)

    def column(self, exported: str, column: str) -> Ref:
        """Return a column of an exported table; KeyError where there is none."""
        table = self._exported(exported)
        name = table.named(column)
        if name is None:
            raise KeyError(column)
        return Ref(table.name, name)

    def columns(self, exported: str, *columns: str) -> list[Ref]:
        """Return those of the columns that the exported table has."""
        table = self._exported(exported)
        return [self.column(exported, column) for column in columns if table.named(column)]

    def row_columns(self) -> list[Ref]:
        """Return what tells the rows of the predictions apart, and their segments."""
        table = self._exported("predictions")
        shown = [c for c in table.columns if c.folder in ("Key", "Segments") and c.source]
        return [Ref(table.name, column.name) for column in shown]

    @property
    def period(self) -> Ref:
        """The period, of the dimension that all facts share."""
        return self._shared("Period")

    @property
    def feature(self) -> Ref:
        """The feature, of the dimension that all facts share."""
        return self._shared("Feature")

    @property
    def segments(self) -> list[Ref]:
        """The column of each segment's dimension."""
        return [Ref(t.name, t.columns[0].name) for t in self.model.tables if t.segment]

    @property
    def threshold(self) -> Ref | None:
        """The what-if threshold; None where the task has none."""
        for table in self.model.tables:
            if any(column.parameter for column in table.columns):
                return Ref(table.name, table.columns[0].name)
        return None

    @property
    def computed(self) -> list[str]:
        """The names of the measures that compute a metric from rows, the main one first."""
        task, main = self.contract.task, self.contract.main_metric
        metrics = sorted(quality_metrics(task), key=lambda metric: metric.name != main)
        return [metric.dax[task].name for metric in metrics]

    @property
    def quality(self) -> Ref:
        """The measure that says how good the predictions are, wherever it is shown.

        The main metric; the first that Power BI computes where it does not compute that one.
        """
        return self.measure(self.computed[0])

    @property
    def reported(self) -> Ref:
        """The main metric as the evaluation reported it."""
        return self.measure(reported_name(self.contract.main_metric))

    def _exported(self, name: str) -> ModelTable:
        return next(table for table in self.model.tables if table.exported == name)

    def _shared(self, column: str) -> Ref:
        for table in self.model.tables:
            if table.computed and not table.segment and table.columns[0].name == column:
                return Ref(table.name, column)
        raise KeyError(column)
