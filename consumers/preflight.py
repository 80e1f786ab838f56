"""`tocsin check`: is everything there that a worker needs? Each line one fact, found good or bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

from consumers.files import FileArticle, read_articles, refuse_unknown
from consumers.kafka.access import require, worker_access
from consumers.kafka.admin import broker_versions, holds_transactions, topic_states
from consumers.kafka.security import principal
from consumers.settings import Delivery, Settings, variable
from models.classifier import load_classifier
from schemas.codec import decode_article
from schemas.errors import AccessError, ContractError, StartupError

PACKAGES = ("consumers", "models", "schemas")
"""Our import packages: common words, so another distribution could own one of them too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    good: bool
    what: str
    found: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Import origin, model, broker and topics, in that order; a failure does not stop those after it.

    Raises AccessError where the broker does not let a worker in, or does not allow what it does.
    """
    yield _imports()
    yield _model(settings)
    yield from _broker(settings)


def sample_findings(path: Path, settings: Settings) -> Iterator[Finding]:
    """Whether the articles of a file hold the contract under the field mapping of the settings."""
    refuse_unknown(path)
    for item in read_articles(path):
        if not isinstance(item, FileArticle):
            yield Finding(good=False, what=item.place, found=item.problem)
            continue
        try:
            article = decode_article(item.value, item.content_type, settings.article_fields)
        except ContractError as error:
            yield Finding(good=False, what=item.place, found=f"{error.reason}: {error}")
        else:
            told = f"id {article.id[:16]}, title {article.title!r}, {len(article.text):,} characters of text"
            yield Finding(good=True, what=item.place, found=told)


def _imports() -> Finding:
    owners = {package: packages_distributions().get(package, []) for package in PACKAGES}
    strangers = {p: sorted(set(found) - {"tocsin"}) for p, found in owners.items() if set(found) - {"tocsin"}}
    here = Path(__file__).resolve().parent.parent
    if strangers:
        told = "; ".join(f"package {p!r} is also installed by {', '.join(d)}" for p, d in strangers.items())
        return Finding(good=False, what="imports", found=f"{told}: install Tocsin in an environment of its own")
    return Finding(good=True, what="imports", found=f"from {here}")


def _model(settings: Settings) -> Finding:
    try:
        model = load_classifier(settings.model).model
    except StartupError as error:
        return Finding(good=False, what="model", found=str(error))
    return Finding(good=True, what="model", found=f"{model.name} {model.version}, sha256 {model.sha256[:16]}…")


def _delivery(settings: Settings) -> Finding:
    best = Delivery.EXACTLY_ONCE if holds_transactions(settings) else Delivery.AT_LEAST_ONCE
    if settings.delivery is Delivery.EXACTLY_ONCE and best is Delivery.AT_LEAST_ONCE:
        told = f"the broker has no transactions and can hold {best} only: set {variable('delivery')}={best}"
        return Finding(good=False, what="delivery", found=told)
    return Finding(good=True, what="delivery", found=f"{settings.delivery}; the broker can hold {best}")


def _broker(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding(good=True, what="broker", found=f"{', '.join(settings.brokers)}: {broker_versions(settings)}")
        require(settings, worker_access(settings))
        yield Finding(good=True, what="access", found=f"{principal(settings)} may do what a worker does")
        yield _delivery(settings)
        states = topic_states(settings)
    except AccessError:
        raise
    except StartupError as error:
        yield Finding(good=False, what="broker", found=str(error))
        return
    for state in states:
        if state.partitions:
            limit = "unknown" if state.max_message_bytes is None else f"{state.max_message_bytes:,} bytes"
            told = f"{state.partitions} partition(s), largest message {limit}"
        else:
            told = "is not there: `tocsin topics create` makes it"
        yield Finding(good=bool(state.partitions), what=f"topic {state.name}", found=told)
    articles, _, dead = states
    if articles.max_message_bytes and dead.max_message_bytes and dead.max_message_bytes <= articles.max_message_bytes:
        yield Finding(
            good=False,
            what=f"topic {dead.name}",
            found=f"takes no larger messages than {articles.name}: dead letters near that size lose their bytes",
        )
