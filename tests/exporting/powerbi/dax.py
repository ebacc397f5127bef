"""A parser of the DAX that measures use: expressions with variables, as nested tuples."""

from __future__ import annotations

import re
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"]|"")*") | (?P<table>'(?:[^']|'')+') | (?P<bracket>\[(?:[^\]]|\]\])+\])
    | (?P<number>\d+(?:\.\d+)?) | (?P<name>[A-Za-z_]\w*)
    | (?P<sign><>|<=|>=|&&|\|\||[=<>+\-*/^&(),])
    )""",
    re.VERBOSE | re.ASCII,
)
#: Binding strength, weakest first, as Microsoft's page on DAX operators orders them.
LEVELS = (("||",), ("&&",), ("=", "<>", "<", "<=", ">", ">="), ("&",), ("+", "-"), ("*", "/"))


def parse(text: str) -> Any:
    """Parse one expression; ValueError where it is none."""
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise ValueError(f"unknown character at {at}: {text[at : at + 20]!r}")
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
        at = found.end()
    reader = _Reader(tokens)
    tree = reader.expression()
    if reader.peek() != ("end", ""):
        raise ValueError(f"more than one expression: {reader.peek()}")
    return tree


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, *values: str) -> str:
        kind, value = self.peek()
        if values and value not in values:
            raise ValueError(f"expected {values}, found {value or kind}")
        self.at += 1
        return value

    def expression(self) -> Any:
        variables = []
        while self.peek() == ("name", "VAR"):
            self.take()
            name = self.take()
            self.take("=")
            variables.append((name, self.expression()))
        if not variables:
            return self.level(0)
        self.take("RETURN")
        return ("var", variables, self.expression())

    def level(self, number: int) -> Any:
        if number == len(LEVELS):
            return self.power()
        left = self.level(number + 1)
        while self.peek()[0] == "sign" and self.peek()[1] in LEVELS[number]:
            sign = self.take()
            left = ("op", sign, left, self.level(number + 1))
        return left

    def power(self) -> Any:
        left = self.primary()
        while self.peek() == ("sign", "^"):
            self.take()
            left = ("op", "^", left, self.primary())
        return left

    def primary(self) -> Any:
        kind, value = self.peek()
        self.take()
        if kind == "number":
            return ("value", float(value) if "." in value else int(value))
        if kind == "text":
            return ("value", value[1:-1].replace('""', '"'))
        if kind == "bracket":
            return ("bracket", _bracket(value))
        if kind == "table":
            return self.table(value[1:-1].replace("''", "'"))
        if (kind, value) == ("name", "NOT"):
            return ("call", "NOT", [self.level(3)])
        if kind == "name":
            return self.call(value) if self.peek() == ("sign", "(") else ("name", value)
        if value == "-":
            return ("op", "-", ("value", 0), self.primary())
        if value == "(":
            inner = self.expression()
            self.take(")")
            return inner
        raise ValueError(f"unexpected {value or kind}")

    def table(self, name: str) -> Any:
        if self.peek()[0] == "bracket":
            return ("column", name, _bracket(self.take()))
        return ("table", name)

    def call(self, name: str) -> Any:
        self.take("(")
        arguments = []
        while self.peek() != ("sign", ")"):
            arguments.append(self.expression())
            if self.peek() != ("sign", ")"):
                self.take(",")
        self.take(")")
        return ("call", name, arguments)


def _bracket(token: str) -> str:
    return token[1:-1].replace("]]", "]")


def walk(tree: Any) -> Any:
    """Yield every node."""
    if isinstance(tree, tuple) and tree and isinstance(tree[0], str):
        yield tree
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from walk(part)
