"""An article as the contract has it, and the hash that tells its content apart."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One news article, valid against `v1/article.schema.json`.

    `text` has 1 to 200,000 characters (code points) and is not blank. `id` is the sender's, or the content hash where
    the sender gave none. `published_at` is an aware UTC time. `None` means that the sender did not say.
    """

    text: str
    id: str
    content_hash: str
    title: str | None = None
    url: str | None = None
    source: str | None = None
    language: str | None = None
    published_at: datetime | None = None


def content_hash(title: str | None, text: str) -> str:
    """The lowercase hex SHA-256 of what the article says, whatever its line breaks and composed characters.

    Title and text are each brought to NFC, runs of white space become one blank, and both are trimmed; then title,
    newline, text are hashed as UTF-8. An absent title counts as an empty one.
    """
    plain = f"{_plain(title or '')}\n{_plain(text)}"
    return hashlib.sha256(plain.encode()).hexdigest()


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
