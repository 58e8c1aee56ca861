"""Reading an assignment the way any agent does: from the text that the tool `assignment` returned."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADING = re.compile(r"^# (?P<kind>Issue|Pull request) #(?P<number>\d+)", re.MULTILINE)
_FENCED = re.compile(r"^(?P<fence>data-[0-9a-f]+)\n(?P<text>.*?)\n(?P=fence)$", re.MULTILINE | re.DOTALL)
_FEEDBACK = re.compile(r"^## Feedback \d+ of \d+ \((?P<kind>[a-z]+)", re.MULTILINE)
_TEST = re.compile(r"^Tests: run `(?P<command>[^`]+)`", re.MULTILINE)
_BASE = re.compile(r"merged into (?P<base>\S+)\)|`origin/(?P<origin>[^`]+)`")


@dataclass(frozen=True)
class Brief:
    """What the text says. `feedback` are its kinds, oldest first; `hand_in` is the tool to hand in with."""

    review: bool
    number: int
    title: str
    body: str
    base: str
    test: str | None
    feedback: tuple[str, ...]
    hand_in: str

    @classmethod
    def read(cls, text: str) -> Brief | None:
        """None when the text gives nothing to do."""
        heading, fenced = _HEADING.search(text), _FENCED.search(text)
        if heading is None or fenced is None:
            return None
        title, _, body = fenced["text"].partition("\n")
        outside = _FENCED.sub("", text)
        test, base = _TEST.search(outside), _BASE.search(outside)
        return cls(
            review=heading["kind"] != "Issue",
            number=int(heading["number"]),
            title=title,
            body=body.strip(),
            base=(base["base"] or base["origin"]) if base else "main",
            test=test["command"] if test else None,
            feedback=tuple(match["kind"] for match in _FEEDBACK.finditer(outside)),
            hand_in="answer_review" if "with `answer_review`" in outside else "submit_pull_request",
        )
