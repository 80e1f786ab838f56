"""quixstreams, as its quickstart has it: an Application, a StreamingDataFrame, one article per call.

`python rival_quixstreams.py documented`. It reads at least once; its functions get one message each.
"""

from __future__ import annotations

import logging
from typing import Any

from quixstreams import Application
from work import Work, load_work, record_of

from schemas.message import Message

_NOWHERE = 0
"""Neither events nor their headers name the partition or the offset, and quixstreams gives them elsewhere only."""


def documented(work: Work) -> None:
    """Each article is applied to give its events; headers are set, and events go to their topic."""
    settings = work.settings
    app = Application(
        broker_address=work.address,
        consumer_group=settings.group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel=logging.WARNING,
    )
    articles = app.topic(settings.articles_topic, key_deserializer="bytes", value_deserializer="bytes")
    events = app.topic(settings.events_topic, key_serializer="bytes", value_serializer="bytes")

    def read(value: bytes, key: Any, timestamp_ms: int, headers: Any) -> list[Message]:
        record = record_of(
            value=value,
            key=key,
            headers=headers or (),
            topic=settings.articles_topic,
            partition=_NOWHERE,
            offset=_NOWHERE,
            timestamp_ms=timestamp_ms,
        )
        return work.events([record])

    found = app.dataframe(articles).apply(read, expand=True, metadata=True)
    found = found.set_headers(lambda event, _key, _timestamp, _headers: list(event.headers))
    found.apply(lambda event: event.value).to_topic(events)
    app.run()


if __name__ == "__main__":
    documented(load_work())
