"""Functions on text."""


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` characters, with an ellipsis where something was left out."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
