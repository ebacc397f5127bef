"""YAML with line numbers: where each key and value of a document is, and never more than it holds.

Written by hand beside ruamel.yaml, which keeps lines too: from libyaml's events, a contract of 445
lines takes a tenth of its time. References are expanded only so far, and nesting is bounded, so
that a small file stays small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events as seen

Path = tuple[str | int, ...]
#: No document is nested deeper; references (`*name`) may repeat so many values in all.
MAX_DEPTH, MAX_REPEATED = 50, 5_000
#: A number may have so many digits; the largest of 64 bits has 309, and gets a sentence of its own.
MAX_DIGITS = 1_000
_CORE = "tag:yaml.org,2002:"
#: The other parser says more of what is wrong, and takes long: only where this many letters are.
_EXPLAINED = 200_000
_MERGE = object()


class LinedDocument:
    """A YAML document and the line of each of its places.

    Parameters
    ----------
    text
        The document. `yaml.YAMLError` is raised where it is not YAML, or repeats itself or nests
        without end.

    Attributes
    ----------
    value
        The document as plain objects; dates stay text.
    repeated
        Paths of keys that occur twice in one mapping, of which YAML would drop the first.
    """

    def __init__(self, text: str) -> None:
        self.repeated: list[Path] = []
        try:
            self.value, self._lines = _Builder(self.repeated).build(text, _FastLoader)
        except UnboundedError:
            raise
        except yaml.YAMLError:
            if len(text) > _EXPLAINED:
                raise
            self.repeated.clear()
            self.value, self._lines = _Builder(self.repeated).build(text, yaml.SafeLoader)

    def line(self, path: Path) -> int:
        """Return the line (from 1) of `path`, or of its nearest parent that exists."""
        line, below = self._lines
        for part in path:
            try:
                line, below = below[part if isinstance(below, list) else str(part)]
            except (KeyError, IndexError, TypeError):
                break
        return line


class UnboundedError(yaml.MarkedYAMLError):
    """A document that would not end, or means something that no contract needs."""


@dataclass
class _Open:
    """A mapping or list that has begun; `size` counts its values with those of references."""

    value: Any
    lines: Any
    line: int
    anchor: str | None
    size: int = 1
    key: Any = None
    has_key: bool = False
    merged: list[dict[Any, Any]] = field(default_factory=list)


class _Builder:
    def __init__(self, repeated: list[Path]) -> None:
        self._repeated, self._stack = repeated, list[_Open]()
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._scalars = yaml.SafeLoader("")
        self._done: list[tuple[Any, tuple[int, Any]]] = []
        self._repeats = 0

    def build(self, text: str, loader: Any) -> tuple[Any, tuple[int, Any]]:
        """Return the value, and (line, what is below) in the same shape."""
        for event in _events(text, loader):
            kind = type(event)
            if kind is seen.ScalarEvent:
                value = self._scalar(event)
                if event.anchor:
                    self._anchors[event.anchor] = (value, 1)
                self._put(value, None, event.start_mark, 1)
            elif kind is seen.MappingStartEvent or kind is seen.SequenceStartEvent:
                self._begin(event, kind is seen.MappingStartEvent)
            elif kind is seen.MappingEndEvent or kind is seen.SequenceEndEvent:
                self._end(event.start_mark)
            elif kind is seen.AliasEvent:
                self._refer(event)
            elif kind is seen.DocumentStartEvent and self._done:
                raise UnboundedError(
                    problem="a second document begins", problem_mark=event.start_mark
                )
        return self._done[0] if self._done else (None, (1, None))

    def _begin(self, event: Any, mapping: bool) -> None:
        mark = event.start_mark
        if len(self._stack) >= MAX_DEPTH:
            problem = f"it is nested more than {MAX_DEPTH} deep"
            raise UnboundedError(problem=problem, problem_mark=mark)
        if event.tag not in (None, "!", f"{_CORE}map", f"{_CORE}seq"):
            raise UnboundedError(problem=f"the tag {event.tag} is not read", problem_mark=mark)
        if event.anchor:
            self._anchors[event.anchor] = None
        empty: tuple[Any, Any] = ({}, {}) if mapping else ([], [])
        self._stack.append(_Open(*empty, mark.line + 1, event.anchor))

    def _end(self, mark: Any) -> None:
        done = self._stack.pop()
        for merged in done.merged:
            done.value = merged | done.value
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        self._put(done.value, done, mark, done.size)

    def _refer(self, event: Any) -> None:
        found, mark = self._anchors.get(event.anchor), event.start_mark
        if found is None:
            known = event.anchor in self._anchors
            problem = f"'*{event.anchor}' refers to {'itself' if known else 'nothing'}"
            raise UnboundedError(problem=problem, problem_mark=mark)
        value, size = found
        self._repeats += size
        if self._repeats > MAX_REPEATED:
            problem = f"references repeat more than {MAX_REPEATED} values"
            raise UnboundedError(problem=problem, problem_mark=mark)
        self._put(value, None, mark, size)

    def _put(self, value: Any, done: _Open | None, mark: Any, size: int) -> None:
        """Place a finished value in what is open: as a key, under its key, or in the list."""
        line = mark.line + 1 if done is None else done.line
        place = (line, None if done is None else done.lines)
        if not self._stack:
            self._done.append((value, place))
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
            top.lines.append(place)
        elif not top.has_key:
            if isinstance(value, (dict, list)):
                raise UnboundedError(problem="a key is a list or a mapping", problem_mark=mark)
            top.key, top.has_key = (value, line), True
        else:
            (key, key_line), top.has_key = top.key, False
            if key is _MERGE:
                self._merge(top, value, mark)
                return
            if key in top.value:
                self._repeated.append((*self._path(), _shown(key)))
            top.value[key] = value
            top.lines[_shown(key)] = (key_line, place[1])

    def _merge(self, top: _Open, value: Any, mark: Any) -> None:
        given = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in given):
            raise UnboundedError(problem="`<<` takes mappings alone", problem_mark=mark)
        top.merged += given

    def _path(self) -> Path:
        return tuple(
            len(each.value) if isinstance(each.value, list) else _shown(each.key[0])
            for each in self._stack[:-1]
        )

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is None and not event.implicit[0]:
            return text
        kind = _tag(event)
        if kind == "str":
            return text
        if kind == "merge":
            return _MERGE
        if len(text) > MAX_DIGITS and kind in ("int", "float"):
            problem = f"a number has more than {MAX_DIGITS} digits"
            raise UnboundedError(problem=problem, problem_mark=event.start_mark)
        try:
            construct = getattr(self._scalars, f"construct_yaml_{kind}")
            return construct(yaml.ScalarNode(f"{_CORE}{kind}", text))
        except (AttributeError, KeyError, ValueError):
            problem = f"this is not of the type {event.tag or kind}, or that type is not read"
            raise UnboundedError(problem=problem, problem_mark=event.start_mark) from None


def _tag(event: Any) -> str:
    """Return the type of a scalar, as YAML 1.1 resolves it; a date stays text."""
    if event.tag is not None:
        return "str" if event.tag == "!" else str(event.tag).removeprefix(_CORE)
    text = event.value
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            kind = tag.removeprefix(_CORE)
            return "str" if kind in ("timestamp", "value") else kind
    return "str"


def _shown(key: Any) -> str:
    return str(key)


def _events(text: str, loader: Any) -> Iterator[Any]:
    parser = loader(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def read_yaml(text: str | bytes) -> Any:
    """Return a document as plain objects, by libyaml where PyYAML was built with it.

    That is ten times as fast, which counts for `dvc.lock`. `yaml.YAMLError` is raised where it is
    not YAML.
    """
    return yaml.load(text, _FastLoader)  # noqa: S506 - safe


_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
