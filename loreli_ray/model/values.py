"""The base of every value that crosses a boundary: frozen, strict about its fields, and hashable."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
