"""The colours of the report, dark enough on white for people with low vision (WCAG 2.2, AA)."""

from __future__ import annotations

from typing import Any

NAME = "Quickstack.json"
_TEXT, _QUIET, _PAPER, _PAGE, _LINE = "#1B2430", "#4A5666", "#FFFFFF", "#F3F5F8", "#C5CDD8"

THEME: dict[str, Any] = {
    "name": NAME,
    # Told apart also without red and green (Okabe and Ito), darkened to 4.5:1 on white.
    "dataColors": [
        "#0B5CAD", "#A8480A", "#00704F", "#8A3A76", "#6B5B00", "#2F6F8F", "#B3261E", "#4A5666",
    ],
    "background": _PAPER,
    "foreground": _TEXT,
    "foregroundNeutralSecondary": _QUIET,
    "backgroundLight": _PAGE,
    "tableAccent": "#0B5CAD",
    "good": "#00704F",
    "neutral": "#6B5B00",
    "bad": "#B3261E",
    "maximum": "#0B5CAD",
    "center": "#C5CDD8",
    "minimum": "#F3F5F8",
    "textClasses": {
        "callout": {"fontSize": 22, "fontFace": "Segoe UI Semibold", "color": _TEXT},
        "title": {"fontSize": 12, "fontFace": "Segoe UI Semibold", "color": _TEXT},
        "header": {"fontSize": 11, "fontFace": "Segoe UI Semibold", "color": _TEXT},
        "label": {"fontSize": 10, "fontFace": "Segoe UI", "color": _TEXT},
    },
    "visualStyles": {
        "*": {
            "*": {
                "background": [{"show": True, "color": {"solid": {"color": _PAPER}}}],
                "border": [{"show": True, "color": {"solid": {"color": _LINE}}, "radius": 6}],
                "title": [{"show": True, "fontColor": {"solid": {"color": _TEXT}}}],
            }
        },
        "textbox": {"*": {"background": [{"show": False}], "border": [{"show": False}]}},
        "page": {"*": {"background": [{"color": {"solid": {"color": _PAGE}}, "transparency": 0}]}},
    },
}  # fmt: skip
