"""Faust out of its textbook: an agent over `stream.events()` that sends with `topic.send`, one article per call.

`python rival_faust.py documented`. Its defaults lose events when a broker dies (DECISIONS.md, section 1).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import faust
from work import Work, load_work, record_of

_BUILD = Path(__file__).resolve().parents[2] / "build" / "bench"


def build_app(work: Work) -> Any:
    """The app with its agent."""
    settings = work.settings
    app = faust.App(
        settings.group,
        broker=f"kafka://{work.address}",
        datadir=_BUILD / f"faust-{settings.group}",
        web_enabled=False,
        autodiscover=False,
    )
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    articles = app.topic(settings.articles_topic, **raw)
    events = app.topic(settings.events_topic, **raw)

    async def read(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            record = record_of(
                value=message.value,
                key=message.key,
                headers=message.headers or (),
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                timestamp_ms=round(message.timestamp * 1000),
            )
            for found in work.events([record]):
                headers = [(name, value or b"") for name, value in found.headers]
                await events.send(key=found.key, value=found.value, headers=headers)

    app.agent(articles)(read)
    return app


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "--without-web", "-l", "warn"]
    build_app(load_work()).main()
