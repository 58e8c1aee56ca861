"""Which lines a review may remark on."""

from __future__ import annotations

from loreli_ray.hub.remarks import folded, parted
from loreli_ray.hub.shapes import File

PATCH = "@@ -1,3 +1,4 @@ def f():\n one\n+two\n three\n four\n@@ -40 +41,2 @@\n x\n+y"


def _at(path: str, line: int, side: str = "RIGHT") -> dict[str, object]:
    return {"path": path, "line": line, "side": side, "body": "Hm."}


def test_only_lines_that_the_diff_shows() -> None:
    files = [File(filename="a.py", patch=PATCH), File(filename="b.bin")]
    good = [_at("a.py", n) for n in (1, 4, 41, 42)] + [_at("a.py", n, "LEFT") for n in (1, 3, 40)]
    bad = [_at("a.py", n) for n in (0, 5, 40, 43)] + [_at("a.py", 4, "LEFT"), _at("b.bin", 1), _at("c.py", 1)]
    assert parted([*bad, *good], files) == (good, bad)
    assert parted([], files) == ([], [])


def test_the_others_are_told_in_the_text() -> None:
    assert folded("Fine.\n", []) == "Fine."
    remarks = [{**_at("a.py", 5), "body": "One\nTwo\n"}, _at("c.py", 1)]
    assert folded("Fine.\n", remarks) == "Fine.\n\nBeside the diff:\n\n- `a.py:5`: One\n  Two\n- `c.py:1`: Hm."
