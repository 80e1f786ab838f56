"""Our own labelled text: whole articles and short passages, every event sentence marked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from schemas.errors import StartupError, shown
from schemas.event import Part
from schemas.event_type import EventType

_EVERYDAY_WRITER = "everyday"
OWN_WRITER = "own"
"""The writer of every line that a user brings; see models.own_corpus."""

UNSEEN_NEWS_WRITERS = frozenset(
    {
        "continental",
        "eighties-wire",
        "late-nineties",
        "markets-and-defence",
        "ministries",
        "washington",
        "web-2000s",
    }
)
"""The held-out writers whose mixed news says how sure alerts are: seven beats, from wires of 1985 to pages of 2025."""

HELD_OUT_WRITERS = UNSEEN_NEWS_WRITERS | {"held-out", "held-out-plain"}
"""The writers whose text is never trained on, because it tests what was learned from the others: besides, one writes
passages in rare paraphrase, one plain articles."""


class HardNegative(StrEnum):
    """What a text without an event is about, or the trap that it sets: the closed list of our corpus.

    Where a text fits two kinds, the one counts that could be taken for an event.
    """

    SPORT = "sport"
    """Bans, transfers, sanctions, contests and the talks of clubs."""
    WAGE_TALKS = "wage talks"
    """Unions, employers, strikes."""
    COALITION_TALKS = "coalition talks"
    """Parties, churches, towns and others that are no states talk."""
    MINISTER_AT_HOME = "minister at home"
    """Cabinets, parliaments, ministers with their own people."""
    DOMESTIC_POLITICS = "domestic politics"
    """Elections, protests, migration, laws and schemes within a state."""
    VISIT_WITHOUT_TALKS = "visit without talks"
    """Visits, ceremonies and delegations that meet no counterpart."""
    TALKS_CALLED_OFF = "talks called off"
    """Talks and visits cancelled, refused or ruled out."""
    DIPLOMATIC_ROUTINE = "diplomatic routine"
    """Statements, appointments, condolences, votes, agreements; nobody talks with a counterpart."""
    DIPLOMATS_EXPELLED = "diplomats expelled"
    """Diplomats, journalists or aid workers sent out of a state."""
    TRADE_STATISTICS = "trade statistics"
    """Exports, surpluses, output, tourists in figures."""
    DUTIES_AND_QUOTAS = "duties and quotas"
    """Anti-dumping, safeguards, tariffs and export bans that press no state."""
    PRODUCT_BAN = "product ban"
    """Bans for health, food safety or the environment."""
    MILITARY = "military"
    """Retaliation by arms, fighting, exercises, arms sold."""
    APPROVAL = "approval"
    """"Sanctioned" in the sense of approved."""
    CRIMINAL_PENALTY = "criminal penalty"
    """Courts, crime, penalties by law, also for breaking sanctions."""
    EASING = "easing"
    """Sanctions eased, waived or lifted, members readmitted."""
    OLD_BACKGROUND = "old background"
    """Sanctions and exclusions that have long been there, in a text about something else."""
    VOLUNTARY_WITHDRAWAL = "voluntary withdrawal"
    """A member or party leaves by its own choice."""
    REFUSED_ADMISSION = "refused admission"
    """Who was never in is not let in, or declines."""
    ACCESSION = "accession"
    """A state on its way in, also delayed."""
    MEMBER_EXCLUDED = "member excluded"
    """Athletes, members of parliament or of a party, pupils, officials: persons and groups, not states."""
    COMPANY_EXCLUDED = "company excluded"
    """Companies, accounts and products barred, delisted or fined."""
    CORPORATE_DEAL = "corporate deal"
    """Mergers, contracts, results, regulators."""
    AID = "aid"
    """Aid and programmes given, or ended for all."""
    BARE_MENTION = "bare mention"
    """An organisation, a membership or a programme is named and nothing happens to it."""
    OUTSIDERS_CALL = "outsiders' call"
    """Columnists, protesters, campaigners call for measures."""
    HISTORY = "history"
    """Events of another time, told as such."""
    FICTION_AND_FILM = "fiction and film"
    """Books, films, plays, museums."""
    METAPHOR = "metaphor"
    """The words in another sense: an embargoed press release, the summit of a mountain."""
    ECONOMY = "economy"
    """Markets, budgets, currencies, harvests."""
    EVERYDAY_NEWS = "everyday news"
    """Weather, accidents, health, science, culture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedEvent:
    """An event as its writer marked it: the sentence that states it, where, how far it went, who acts on whom.

    `stage`, `actor` and `target` are recorded for later use and not learned from.
    """

    type: EventType
    quote: str
    part: Part
    stage: str
    actor: str | None
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """One line of the corpus. `form` is article or passage; `kind` says what it is.

    Of our texts without an event the kind is one of HardNegative; elsewhere it is any word.
    """

    id: str
    writer: str
    form: str
    style: str
    kind: str
    era: str
    title: str | None
    text: str
    labels: frozenset[EventType]
    events: tuple[MarkedEvent, ...]

    @property
    def story(self) -> str:
        """What is kept on one side of a split: a writer's whole text, so that neither story nor voice stands on both.

        The writer of everyday news is split by article: nobody else writes what it holds. So are a user's lines.
        """
        return self.id if self.writer in {_EVERYDAY_WRITER, OWN_WRITER} else self.writer


def shipped_corpus() -> list[LabelledText]:
    """Every line of the package's corpus, by writer and line. Raises StartupError for a kind not on the list."""
    return [line for path in _files() for line in parsed(path.name.removesuffix(".jsonl"), path.read_bytes())]


def corpus_sha256() -> str:
    """A hash of the corpus, the gazetteer and the lexicon: what the shipped model was made from."""
    digest = hashlib.sha256()
    lists = [file for folder in ("gazetteer", "lexicon") for file in (resources.files("models") / folder).iterdir()]
    for path in [*_files(), *sorted(lists, key=lambda file: file.name)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def own_corpus_sha256(files: Iterable[bytes], *, only: bool) -> str:
    """As `corpus_sha256`, with the contents of a user's files; `only` where they stand in the place of our corpus."""
    digest = hashlib.sha256(f"{corpus_sha256()} {'only' if only else 'and'}".encode())
    for content in files:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def training_texts(corpus: Iterable[LabelledText]) -> list[LabelledText]:
    """All but the held-out writers'."""
    return [text for text in corpus if text.writer not in HELD_OUT_WRITERS]


def _files() -> list[Traversable]:
    found = [path for path in (resources.files("models") / "corpus").iterdir() if path.name.endswith(".jsonl")]
    if not found:
        raise StartupError("models/corpus holds no .jsonl file")
    return sorted(found, key=lambda path: path.name)


def parsed(writer: str, content: bytes) -> list[LabelledText]:
    """The lines of one file of our corpus. Raises StartupError that names every bad kind by its file and line."""
    numbered = [(n, _labelled(writer, orjson.loads(line))) for n, line in enumerate(content.splitlines(), 1) if line]
    kinds = frozenset(HardNegative)
    bad = [
        f"models/corpus/{writer}.jsonl:{n}: kind: expected one of {', '.join(HardNegative)}, got {shown(text.kind)}"
        for n, text in numbered
        if not text.labels and text.kind not in kinds
    ]
    if bad:
        raise StartupError("\n".join(bad))
    return [text for _, text in numbered]


def _labelled(writer: str, line: Mapping[str, Any]) -> LabelledText:
    events = line["events"]
    labels = line["labels"]
    title = line.get("title")
    return LabelledText(
        id=str(line["id"]),
        writer=writer,
        form=str(line["form"]),
        style=str(line["style"]),
        kind=str(line["kind"]),
        era=str(line["era"]),
        title=None if title is None else str(title),
        text=str(line["text"]),
        labels=frozenset(EventType(label) for label in labels),
        events=tuple(_event(event) for event in events),
    )


def _event(event: Mapping[str, str | None]) -> MarkedEvent:
    return MarkedEvent(
        type=EventType(str(event["type"])),
        quote=str(event["quote"]),
        part=Part(str(event["in"])),
        stage=str(event["stage"]),
        actor=event["actor"],
        target=event["target"],
    )
