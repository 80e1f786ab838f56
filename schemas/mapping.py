"""Other people's field names: contract fields found by JSON pointer in a user's own messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from schemas.errors import StartupError

ARTICLE_FIELDS = ("text", "id", "title", "url", "source", "language", "published_at")
"""The fields of the article contract, as they may be mapped."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
"""A place in a list, as RFC 6901 §4 writes it: no leading zeros. Six digits are more than any message holds."""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Contract field → JSON pointer (RFC 6901), already split into unescaped steps."""

    pointers: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pointers)

    def pointer(self, field: str) -> str:
        """The pointer of a field as text, for error messages; the field's own name where it is not mapped."""
        for name, steps in self.pointers:
            if name == field:
                return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
        return field


def parse_field_map(text: str) -> FieldMap:
    """Reads `text=/body,title=/headline,id=/meta/uuid`; an empty text maps nothing.

    Fields not named keep their own names. Raises StartupError naming the part that is wrong.
    """
    pointers: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, pointer = part.partition("=")
        name, pointer = name.strip(), pointer.strip()
        if not equals or name not in ARTICLE_FIELDS or name in pointers:
            raise StartupError(
                f"{part!r}: expected FIELD=/json/pointer, each field once; FIELD is one of {', '.join(ARTICLE_FIELDS)}"
            )
        if not pointer.startswith("/"):
            raise StartupError(f"{part!r}: a JSON pointer starts with '/', for instance {name}=/{pointer or name}")
        pointers[name] = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))
    return FieldMap(tuple(pointers.items()))


def mapped(document: dict[str, Any], fields: FieldMap) -> dict[str, Any]:
    """The document with contract field names; a mapped field that the pointer does not find is absent.

    A mapped `id` that is a whole number becomes its decimal digits: many systems number their articles.
    """
    if not fields:
        return document
    renamed = {name: document[name] for name in ARTICLE_FIELDS if name in document}
    for name, steps in fields.pointers:
        value = _at(document, steps)
        if value is None:
            renamed.pop(name, None)
            continue
        if name == "id" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        renamed[name] = value
    return renamed


def _at(document: Any, steps: tuple[str, ...]) -> Any:
    here = document
    for step in steps:
        if isinstance(here, dict):
            here = here.get(step)
        elif isinstance(here, list) and _INDEX.fullmatch(step) and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here
