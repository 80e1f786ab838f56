"""What makes two events equal: key, value, and the headers that Tocsin writes. Pure.

FastStream adds headers of its own and puts one in front, and cannot be told not to; so for all only those of Tocsin
count, and not their order.
"""

from __future__ import annotations

import hashlib

from schemas.message import Message


def digest(event: Message) -> str:
    """A digest of an event, equal for equal events."""
    hashed = hashlib.sha1(usedforsecurity=False)
    ours = [(name, value or b"") for name, value in event.headers if name.startswith("ce_") or name == "content-type"]
    headers = (item for name, value in sorted(ours) for item in (name.encode(), value))
    for part in (event.key or b"", event.value or b"", *headers):
        hashed.update(b"%d:" % len(part) + part)
    return hashed.hexdigest()
