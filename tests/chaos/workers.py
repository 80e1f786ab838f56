"""`tocsin run` with another classifier: `python workers.py KIND`, where KIND names one of `CLASSIFIERS`, or `shipped`.

The whole of the product's own way is run; only the artefact is not loaded. With `CHAOS_BREAK` the transaction is taken
out, to prove that the suite sees what comes of it. Settings come from the environment, as in production.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
import types
from collections.abc import Sequence

import consumers.cli
import consumers.run
from consumers.intake import Member, Positions
from consumers.sink import AtLeastOnceSink, Outgoing
from consumers.testing import KeywordClassifier
from models.tags import Classifier, Tags
from schemas.article import Article

_PER_ARTICLE_S = 0.0002
"""What reading an article costs here, so that a fault finds a batch in hand: the shipped model needs about this."""
_LEAK_BYTES = 65_536
_ROOM_BYTES = 300 * 1024 * 1024
"""What a leaking worker may take beyond what it had at its first batch."""


class Steady(KeywordClassifier):
    """Takes its time, as a model does."""

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """See models.tags.Classifier."""
        time.sleep(_PER_ARTICLE_S * len(articles))
        return super().tag(articles)


class Slow(KeywordClassifier):
    """Takes five seconds a batch."""

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """See models.tags.Classifier."""
        time.sleep(5.0)
        return super().tag(articles)


class RaisesOnFaulty(Steady):
    """Raises on the articles of kind BUG."""

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """See models.tags.Classifier."""
        if any("Faulty" in article.text for article in articles):
            raise RuntimeError("this article is one that the model cannot read")
        return super().tag(articles)


class Broken(KeywordClassifier):
    """Raises on everything."""

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """See models.tags.Classifier."""
        raise RuntimeError(f"broken, whatever the {len(articles)} articles are")


class Leaking(Steady):
    """Keeps 64 KB per article, under a limit that it meets after some 4,800 articles."""

    def __init__(self) -> None:
        self._kept: list[bytearray] = []

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """See models.tags.Classifier."""
        if not self._kept:
            _limit_memory()
        self._kept += [bytearray(_LEAK_BYTES) for _ in articles]
        return super().tag(articles)


SHIPPED = "shipped"
"""The model that is shipped; it reads the articles of `articles.py` as the keyword classifier does."""

CLASSIFIERS: dict[str, type[KeywordClassifier]] = {
    "steady": Steady,
    "slow": Slow,
    "raises": RaisesOnFaulty,
    "broken": Broken,
    "leaking": Leaking,
}


def _limit_memory() -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no path of ours
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + _ROOM_BYTES, now + _ROOM_BYTES))


class _WithoutTransaction(AtLeastOnceSink):
    """Half of the batch, the offsets, the other half: a death after the first doubles, one after the second loses."""

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        """Breaks every promise of consumers.sink.Sink."""
        del member
        half = len(outgoing) // 2
        await asyncio.to_thread(self._producer.deliver, outgoing[:half])
        await asyncio.sleep(0.1)
        await self._commit(positions)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(self._producer.deliver, outgoing[half:])
        return True


def main(kind: str) -> None:
    """Runs the worker until it is told to stop; exit codes are those of `tocsin run`."""
    if kind != SHIPPED:
        classifier: Classifier = CLASSIFIERS[kind]()
        stand_in = types.ModuleType("models.classifier")  # the real one is not loaded before the worker forks, as ever
        vars(stand_in)["load_classifier"] = lambda _folder: classifier
        sys.modules[stand_in.__name__] = stand_in
    if os.environ.get("CHAOS_BREAK") == "transaction":
        vars(consumers.run)["AtLeastOnceSink"] = _WithoutTransaction
    sys.argv = ["tocsin", "run"]
    consumers.cli.main()


if __name__ == "__main__":
    main(sys.argv[1])
