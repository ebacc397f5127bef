"""Evaluates the DAX of a model on exported tables, as its text stands in the TMDL.

No engine of Microsoft's runs here. This one is ours, small, and knows only what the measures use:
filter context through the relationships, CALCULATE with KEEPFILTERS, context transition, blanks.
It proves that names resolve, that the formulas compute what they say by the documented meaning of
each function, and that no measure widens its context. It does not prove that Power BI's engine
agrees, nor anything about formats or speed. What it does not know is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exporting.powerbi.dax import parse, walk
from exporting.powerbi.dax_functions import AGGREGATES, ITERATORS, SCALARS, binary
from exporting.powerbi.tmdl_reader import Node, column_of

Row = dict[tuple[str, str], Any]


@dataclass
class Scope:
    """Where an expression is evaluated: rows left by table, rows walked, variables."""

    visible: dict[str, frozenset[int]] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)


class Engine:
    def __init__(self, model: Node, exported: dict[str, list[dict[str, Any]]], now: datetime):
        self.model, self.now = model, now
        self.nodes = model.of("table")
        self.measures = {n: m for t in self.nodes.values() for n, m in t.of("measure").items()}
        self.trees: dict[str, Any] = {}
        self.data: dict[str, list[Row]] = {}
        self.links = [
            (column_of(link.properties["fromColumn"]), column_of(link.properties["toColumn"]))
            for link in model.of("relationship").values()
        ]
        loaded = {n: t for n, t in self.nodes.items() if "calculated" not in self._kind(t)}
        for name, node in loaded.items():
            self._load(name, node, exported.get(name, []))
        for name, node in self.nodes.items():
            if name not in loaded:
                self._compute(name, node)

    def measure(self, name: str, **chosen: tuple[str, str, Any]) -> Any:
        """Evaluate a measure where some columns are filtered: (table, column, value) each."""
        scope = Scope()
        for table, column, value in chosen.values():
            scope = self.keep(scope, {table}, lambda row, c=(table, column), v=value: row[c] == v)
        return self.value(self._tree(self.measures[name].value), scope)

    def value(self, tree: Any, scope: Scope) -> Any:
        """Evaluate an expression that gives one value."""
        kind = tree[0]
        if kind == "value":
            return tree[1]
        if kind == "op":
            return binary(tree[1], self.value(tree[2], scope), self.value(tree[3], scope))
        if kind == "column":
            return self._cell((tree[1], tree[2]), scope)
        if kind == "name":
            return scope.variables[tree[1]]
        if kind == "bracket":
            if tree[1] not in self.measures:
                return self._cell(("", tree[1]), scope)
            return self.value(self._tree(self.measures[tree[1]].value), self.transition(scope))
        if kind == "var":
            return self.value(tree[2], self._with_variables(tree[1], scope))
        if kind == "call":
            return self._call(tree[1], tree[2], scope)
        raise TypeError(f"no value: {tree}")

    def table(  # noqa: C901 - one branch for each of the language's functions of tables
        self, tree: Any, scope: Scope
    ) -> list[Row]:
        """Evaluate an expression that gives rows."""
        if tree[0] == "table":
            return [self.data[tree[1]][i] for i in sorted(self.shown(tree[1], scope))]
        if tree[0] == "name":
            return scope.variables[tree[1]]
        name, arguments = tree[1], tree[2]
        if name == "FILTER":
            rows = self.table(arguments[0], scope)
            return [row for row in rows if self.value(arguments[1], self._inside(scope, row))]
        if name == "CALCULATETABLE":
            return self.table(arguments[0], self._calculate(arguments[1:], scope))
        if name == "DISTINCT":
            column = arguments[0][0] == "column"
            rows = self.table(("table", arguments[0][1]) if column else arguments[0], scope)
            keys = [tuple(arguments[0][1:])] if column else None
            return _distinct(rows, keys)
        if name == "SUMMARIZE":
            keys = [tuple(column[1:]) for column in arguments[1:]]
            return _distinct(self.table(arguments[0], scope), keys)
        if name == "UNION":
            # Columns take the names of the first table; here all are called alike.
            return [row for argument in arguments for row in self.table(argument, scope)]
        if name in ("SELECTCOLUMNS", "ADDCOLUMNS"):
            titles, values = arguments[1::2], arguments[2::2]
            result = []
            for row in self.table(arguments[0], scope):
                inside = self._inside(scope, row)
                added = {
                    ("", t[1]): self.value(v, inside) for t, v in zip(titles, values, strict=True)
                }
                result.append(added if name == "SELECTCOLUMNS" else row | added)
            return result
        if name == "GENERATESERIES":
            start, stop, step = (self.value(argument, scope) for argument in arguments)
            count = round((stop - start) / step) + 1
            return [{("", "Value"): start + step * i} for i in range(count)]
        raise TypeError(f"no table: {name}")

    def shown(self, table: str, scope: Scope) -> frozenset[int]:
        """Return the rows of a table that its own filters and its dimensions' leave."""
        own = scope.visible.get(table, frozenset(range(len(self.data[table]))))
        for (many, key), (one, value) in self.links:
            # A star: dimensions have no dimensions.
            if many == table and one in scope.visible:
                kept = {self.data[one][i][one, value] for i in scope.visible[one]}
                own = frozenset(i for i in own if self.data[many][i][many, key] in kept)
        return own

    def keep(self, scope: Scope, tables: set[str], test: Callable[[Row], Any]) -> Scope:
        """Narrow one table to the rows that pass."""
        (table,) = tables
        left = scope.visible.get(table, frozenset(range(len(self.data[table]))))
        kept = frozenset(i for i in left if test(self.data[table][i]))
        return Scope(scope.visible | {table: kept}, scope.rows, scope.variables)

    def transition(self, scope: Scope) -> Scope:
        """Turn the rows that are walked into filters."""
        for walked in scope.rows:
            for (table, column), value in walked.items():
                if table:
                    wanted = (table, column), value
                    scope = self.keep(scope, {table}, lambda row, w=wanted: row[w[0]] == w[1])
        return Scope(scope.visible, (), scope.variables)

    def _calculate(self, filters: Iterable[Any], scope: Scope) -> Scope:
        inside = self.transition(scope)
        for kept in filters:
            if kept[:2] != ("call", "KEEPFILTERS"):
                raise TypeError("a filter that could widen what a visual shows")
            (condition,) = kept[2]
            tables = {node[1] for node in walk(condition) if node[0] == "column"}
            inside = self.keep(inside, tables, self._test(condition, scope))
        return inside

    def _test(self, condition: Any, scope: Scope) -> Callable[[Row], Any]:
        return lambda row: self.value(condition, self._inside(scope, row))

    def _call(self, name: str, arguments: list[Any], scope: Scope) -> Any:
        if name == "CALCULATE":
            return self.value(arguments[0], self._calculate(arguments[1:], scope))
        if name == "COUNTROWS":
            return len(self.table(arguments[0], scope)) or None
        if name == "UTCNOW":
            return self.now
        if name == "IF":
            chosen = arguments[1:2] if self.value(arguments[0], scope) else arguments[2:3]
            return self.value(chosen[0], scope) if chosen else None
        if name in AGGREGATES:
            column = tuple(arguments[0][1:])
            rows = self.table(("table", column[0]), scope)
            return AGGREGATES[name]([row[column] for row in rows if row[column] is not None])
        if name in ITERATORS:
            values = [
                self.value(arguments[1], self._inside(scope, row))
                for row in self.table(arguments[0], scope)
            ]
            return ITERATORS[name]([value for value in values if value is not None])
        if name == "SELECTEDVALUE":
            rows = self.table(("call", "DISTINCT", [arguments[0]]), scope)
            one = len(rows) == 1
            return next(iter(rows[0].values())) if one else self.value(arguments[1], scope)
        if name == "DATEDIFF":
            start, end = (self.value(argument, scope) for argument in arguments[:2])
            assert arguments[2] == ("name", "MINUTE")
            whole = end.replace(second=0, microsecond=0) - start.replace(second=0, microsecond=0)
            return whole.total_seconds() // 60
        return SCALARS[name](*(self.value(argument, scope) for argument in arguments))

    def _cell(self, key: tuple[str, str], scope: Scope) -> Any:
        for row in reversed(scope.rows):
            if key in row:
                return row[key]
        raise KeyError(f"no row with {key}")

    def _inside(self, scope: Scope, row: Row) -> Scope:
        return Scope(scope.visible, (*scope.rows, row), scope.variables)

    def _with_variables(self, declared: list[tuple[str, Any]], scope: Scope) -> Scope:
        scope = Scope(scope.visible, scope.rows, dict(scope.variables))
        for name, tree in declared:
            assert name.startswith("__"), f"a table of a contract could be called {name}"
            rows = tree[:2] in {("call", "CALCULATETABLE"), ("call", "FILTER")}
            scope.variables[name] = (self.table if rows else self.value)(tree, scope)
        return scope

    def _tree(self, text: str) -> Any:
        if text not in self.trees:
            self.trees[text] = parse(text)
        return self.trees[text]

    def _kind(self, table: Node) -> str:
        return next(iter(table.of("partition").values())).value

    def _load(self, name: str, node: Node, rows: list[dict[str, Any]]) -> None:
        columns = node.of("column")
        sources = {n: c.properties.get("sourceColumn") for n, c in columns.items()}
        self.data[name] = [
            {(name, n): row[source] for n, source in sources.items() if source} for row in rows
        ]
        for title, column in columns.items():
            for row in self.data[name] if column.value else ():
                row[name, title] = self.value(self._tree(column.value), Scope(rows=(row,)))

    def _compute(self, name: str, node: Node) -> None:
        (column,) = node.of("column").values()
        source = next(iter(node.of("partition").values())).properties["source"]
        rows = self.table(self._tree(source), Scope())
        inner = column.properties["sourceColumn"].strip("[]")
        self.data[name] = [{(name, column.name): row["", inner]} for row in rows]


def _distinct(rows: Iterable[Row], keys: list[tuple[str, str]] | None) -> list[Row]:
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        short = row if keys is None else {key: row[key] for key in keys}
        found.setdefault(tuple(short.values()), short)
    return list(found.values())
