"""What the tests of the contracts share: a classifier that says yes to everything."""

from collections.abc import Sequence

import pytest

from models.tags import Classifier, Tags
from schemas.article import Article
from schemas.event import Evidence, ModelRef, Part
from schemas.event_type import EventType


class Keen:
    """Finds every type in every article, with the whole text as evidence."""

    model = ModelRef(name="keen", version="1", sha256="0" * 64)

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        return [self._tags(article) for article in articles]

    def _tags(self, article: Article) -> Tags:
        whole = Evidence(part=Part.TEXT, start=0, end=len(article.text), quote=article.text, score=0.5)
        return Tags(
            scores=dict.fromkeys(EventType, 0.75), labels=tuple(EventType), evidence=dict.fromkeys(EventType, (whole,))
        )


@pytest.fixture
def keen() -> Classifier:
    return Keen()
