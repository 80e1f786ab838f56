"""The pure heart: records in, outcomes out. The worker, `tocsin tag`, the replay check and the tests run this call."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consumers.outcome import Ignored, IgnoredReason, Outcome, Published, Rejected
from models.tags import Classifier, Tags
from schemas.article import Article
from schemas.codec import decode_article, encode_event
from schemas.dead_letter import DeadLetter
from schemas.errors import ContractError, Problem, Reason
from schemas.event import CONTRACT_VERSION, Event, ModelRef, article_ref, event_id
from schemas.event_type import EventType
from schemas.mapping import FieldMap
from schemas.message import REPLAY_HEADER, Headers, Message, Record, header
from schemas.times import rfc3339

DATA_SCHEMA = f"urn:tocsin:event:{CONTRACT_VERSION}"
"""`ce_dataschema` of every event."""

_CARRIED = ("traceparent", "tracestate")
"""W3C trace context goes from the article to its events as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How articles are to be read: the settings that `detect_batch` needs, and no others."""

    event_source: str = "/tocsin"
    max_article_bytes: int = 1_048_576
    fields: FieldMap = FieldMap()


def _ignore_bug(record: Record, error: Exception) -> None:
    """The default hook for unexpected errors: their dead letter says enough."""


def detect_batch(
    records: Sequence[Record],
    classifier: Classifier,
    reading: Reading = Reading(),
    on_bug: Callable[[Record, Exception], None] = _ignore_bug,
) -> list[Outcome]:
    """One outcome per record, in their order. Never raises for what a record holds; MemoryError is let through.

    The classifier is called once for the whole batch. Where that call raises, the batch is halved until the culprit
    stands alone; that one is rejected with reason `bug`, `on_bug` is told, and the others go on.
    """
    outcomes: dict[int, Outcome] = {}
    articles: list[tuple[int, Record, Article]] = []
    for index, record in enumerate(records):
        try:
            articles.append((index, record, _article(record, reading)))
        except ContractError as error:
            outcomes[index] = Rejected(dead_letter=_refused(record, error))
        except MemoryError:
            raise  # the process is at fault and not the article: a fresh one reads it
        except Exception as error:  # noqa: BLE001 - a fault of ours must cost one article, not the batch
            outcomes[index] = _bug(record, error, on_bug)
    _read(articles, classifier, reading, on_bug, outcomes)
    return [outcomes[index] for index in range(len(records))]


def _read(
    articles: Sequence[tuple[int, Record, Article]],
    classifier: Classifier,
    reading: Reading,
    on_bug: Callable[[Record, Exception], None],
    outcomes: dict[int, Outcome],
) -> None:
    if not articles:
        return
    try:
        tagged = classifier.tag([article for _, _, article in articles])
        read = {
            index: _outcome(record, article, tags, classifier, reading)
            for (index, record, article), tags in zip(articles, tagged, strict=True)
        }
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - see detect_batch
        if len(articles) == 1:
            index, record, _ = articles[0]
            outcomes[index] = _bug(record, error, on_bug)
            return
        middle = len(articles) // 2
        _read(articles[:middle], classifier, reading, on_bug, outcomes)
        _read(articles[middle:], classifier, reading, on_bug, outcomes)
    else:
        outcomes.update(read)


def _article(record: Record, reading: Reading) -> Article:
    size_bytes = len(record.value or b"")
    if size_bytes > reading.max_article_bytes:
        problem = Problem(
            path="value", expected=f"at most {reading.max_article_bytes:,} bytes", found=f"{size_bytes:,} bytes"
        )
        raise ContractError(Reason.TOO_LARGE, [problem])
    return decode_article(record.value, header(record.headers, "content-type"), reading.fields)


def _outcome(record: Record, article: Article, tags: Tags, classifier: Classifier, reading: Reading) -> Outcome:
    if tags.foreign:
        return Ignored(tags=tags, reason=IgnoredReason.LANGUAGE)
    if not tags.labels:
        return Ignored(tags=tags, reason=IgnoredReason.NO_EVENT)
    sent = [_event(article, tags, label, classifier.model) for label in tags.labels]
    events = tuple(_event_message(record, article, event, reading) for event in sent)
    return Published(tags=tags, events=events)


def _event(article: Article, tags: Tags, label: EventType, model: ModelRef) -> Event:
    return Event(
        type=label,
        confidence=tags.scores[label],
        evidence=tags.evidence[label],
        article=article_ref(article),
        model=model,
    )


def _event_message(record: Record, article: Article, event: Event, reading: Reading) -> Message:
    key = record.key if record.key is not None else article.id.encode()
    return Message(key=key, value=encode_event(event), headers=_event_headers(record, article, event.type, reading))


def _event_headers(record: Record, article: Article, label: EventType, reading: Reading) -> Headers:
    """CloudEvents 1.0, Kafka binding, binary mode; order fixed."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event_id(article, label),
        "ce_source": reading.event_source,
        "ce_type": f"tocsin.{label}.{CONTRACT_VERSION}",
        "ce_subject": article.id,
        "ce_time": rfc3339(record.timestamp),
        "ce_dataschema": DATA_SCHEMA,
        "content-type": "application/json",
    }
    replay = header(record.headers, REPLAY_HEADER)
    if replay is not None:
        attributes["ce_replay"] = replay
    ours = tuple((name, text.encode()) for name, text in attributes.items())
    return ours + tuple((name, value) for name, value in record.headers if name in _CARRIED and value)


def _refused(record: Record, error: ContractError) -> DeadLetter:
    return DeadLetter(
        record=record,
        reason=error.reason,
        stage="VALUE_CONVERTER",
        error_class="schemas.errors.ContractError",
        error_message=f"{record.topic}[{record.partition}]@{record.offset}: {error}",
    )


def undecodable(record: Record) -> Rejected:
    """The outcome of a record of which only the coordinates are known, because the Kafka client cannot decode it."""
    return Rejected(
        dead_letter=DeadLetter(
            record=record,
            reason=Reason.UNDECODABLE,
            stage="KAFKA_CONSUME",
            error_class="builtins.UnicodeDecodeError",
            error_message=(
                f"{record.topic}[{record.partition}]@{record.offset}: the Kafka client cannot decode this record (a "
                "header key that is not UTF-8); it was stepped over, and stands where it stood"
            ),
        )
    )


def _bug(record: Record, error: Exception, on_bug: Callable[[Record, Exception], None]) -> Rejected:
    """The error's class and place, never its text: that may quote the article."""
    on_bug(record, error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return Rejected(
        dead_letter=DeadLetter(
            record=record,
            reason=Reason.BUG,
            stage="TRANSFORMATION",
            error_class=kind,
            error_message=(
                f"{record.topic}[{record.partition}]@{record.offset}: {kind} in {where.name}, line {where.lineno}; "
                "a fault of Tocsin, please report it"
            ),
        )
    )
