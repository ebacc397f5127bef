"""YAML with line numbers: where each key and value of a document is.

Written by hand beside ruamel.yaml, which keeps lines too: with libyaml's parser beneath, a contract
of 445 lines takes 11 ms instead of 127.
"""

from __future__ import annotations

from typing import Any

import yaml

Path = tuple[str | int, ...]


class LinedDocument:
    """A YAML document and the line of each of its places.

    Parameters
    ----------
    text
        The document. `yaml.YAMLError` is raised where it is not YAML.

    Attributes
    ----------
    value
        The document as plain objects; dates stay text.
    repeated
        Paths of keys that occur twice in one mapping, of which YAML would drop the first.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self.repeated: list[Path] = []
        try:
            node, self.value = _read(_FastLoader(text))
        except yaml.YAMLError:  # libyaml says less about what is wrong
            node, self.value = _read(_TextDatesLoader(text))
        if node is not None:
            self._walk(node, ())

    def line(self, path: Path) -> int:
        """Return the line (from 1) of `path`, or of its nearest parent that exists."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _walk(self, node: yaml.Node, path: Path) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                here = (*path, str(key.value))
                if key.value in seen:
                    self.repeated.append(here)
                seen.add(key.value)
                self._lines[here] = key.start_mark.line + 1
                self._walk(value, here)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._walk(value, (*path, index))


def read_yaml(text: str | bytes) -> Any:
    """Return a document as plain objects, by libyaml where PyYAML was built with it.

    That is ten times as fast, which counts for `dvc.lock`. `yaml.YAMLError` is raised where it is
    not YAML.
    """
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def _read(loader: Any) -> tuple[yaml.Node | None, Any]:
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


class _TextDatesLoader(yaml.SafeLoader):
    """The safe loader, except that an unquoted date stays the text that was written."""


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml
    """The same by libyaml, ten times as fast, where PyYAML was built with it."""


_TextDatesLoader.yaml_implicit_resolvers = _FastLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
