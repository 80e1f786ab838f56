"""Which dead letters are shown and sent back, and what is remembered of it: without a broker."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.dead_letters import Wanted, letter_of, parsed_moment, parsed_place, record_at, records_until
from consumers.dead_replay import (
    NOTE_CHARACTERS,
    LeftOut,
    Plan,
    Progress,
    Rules,
    decode_note,
    encode_note,
    plan_replay,
    progress_after,
    send_back,
)
from consumers.dead_views import VALUE_BYTES, letter_lines, shown_bytes, table_lines, visible, whole_document
from schemas.errors import TransientError
from schemas.message import Headers, Message, Record

PROPERTY = settings(deadline=None, max_examples=200, derandomize=True)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOPIC_ID = "7b5aaed1-9160-4e19-b333-2510df379c1b"


def dead(
    offset: int,
    partition: int = 0,
    *,
    reason: str = "bug",
    attempts: int = 1,
    died: datetime | None = None,
    topic: str = "articles",
    more: Headers = (),
    value: bytes | None = b"v",
    key: bytes | None = b"k",
) -> Record:
    headers: Headers = (
        ("__connect.errors.topic", topic.encode()),
        ("__connect.errors.partition", b"1"),
        ("__connect.errors.offset", b"7"),
        ("tocsin_reason", reason.encode()),
        ("tocsin_attempts", str(attempts).encode()),
    )
    return Record(
        value=value,
        key=key,
        headers=headers + more,
        topic="dead",
        partition=partition,
        offset=offset,
        timestamp=died or NOON + timedelta(seconds=offset),
    )


RULES = Rules(wanted=Wanted(), topic="articles", limit=1_000, max_attempts=3, again=False, fits=lambda _: True)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T06:30:00Z", datetime(2026, 3, 1, 6, 30, tzinfo=UTC)),
        ("2026-03-01T06:30:00+02:00", datetime(2026, 3, 1, 4, 30, tzinfo=UTC)),
        ("90s", NOON - timedelta(seconds=90)),
        ("30m", NOON - timedelta(minutes=30)),
        ("2h", NOON - timedelta(hours=2)),
        ("7d", NOON - timedelta(days=7)),
        ("2w", NOON - timedelta(weeks=2)),
    ],
)
def test_a_moment_is_a_time_or_an_age(text: str, moment: datetime) -> None:
    assert parsed_moment(text, NOON) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01", "2026-03-01T06:30:00", "2", "h", "-2h", "2.5h", "2 h"])
def test_what_is_neither_time_nor_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text) + "$"):
        parsed_moment(text, NOON)


def test_a_place_is_a_partition_and_an_offset() -> None:
    assert parsed_place("2@14") == (2, 14)
    for text in ["", "2", "2@", "@14", "a@b", "-1@2", "2@14@3", "2@٣"]:
        with pytest.raises(ValueError, match=re.escape(text) + "$"):
            parsed_place(text)


@pytest.mark.parametrize(
    ("wanted", "offsets"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(reasons=frozenset({"bug"})), [0, 2]),
        (Wanted(reasons=frozenset({"bug", "contract"})), [0, 1, 2]),
        (Wanted(since=NOON + timedelta(seconds=2)), [2, 3]),
        (Wanted(until=NOON + timedelta(seconds=2)), [0, 1]),
        (Wanted(since=NOON + timedelta(seconds=1), until=NOON + timedelta(seconds=3)), [1, 2]),
        (Wanted(reasons=frozenset({"undecodable"})), []),
    ],
)
def test_letters_are_wanted_by_reason_and_by_when_they_died(wanted: Wanted, offsets: list[int]) -> None:
    reasons = ["bug", "contract", "bug", "not_json"]
    letters = [letter_of(dead(n, reason=reason)) for n, reason in enumerate(reasons)]
    assert [letter.record.offset for letter in letters if wanted.wants(letter)] == offsets


GONE: Headers = (("tocsin_value_sha256", b"0" * 64), ("tocsin_value_bytes", b"3145740"))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (dead(5, attempts=2), None),
        (dead(5, attempts=3), LeftOut.ATTEMPTS),
        (dead(5, attempts=4), LeftOut.ATTEMPTS),
        (dead(5, reason="too_large", more=GONE, value=None), LeftOut.GONE),
        (dead(5, reason="not_json", more=GONE, value=None), LeftOut.GONE),
        (dead(5, reason="contract", value=None, key=None), None),
        (dead(5, reason="too_large"), None),
        (dead(5, topic="others"), LeftOut.OTHER_TOPIC),
        (replace(dead(5), headers=()), LeftOut.NOT_OURS),
        (replace(dead(5), headers=(("tocsin_reason", b"bug"),)), LeftOut.NOT_OURS),
        (dead(1), LeftOut.REPLAYED),
        (dead(7), LeftOut.REPLAYED),
        (dead(5, value=b"v" * 100), LeftOut.UNFIT),
    ],
)
def test_what_cannot_or_should_not_go_back_is_left_out_and_counted(record: Record, why: LeftOut | None) -> None:
    rules = replace(RULES, fits=lambda message: len(message.value or b"") < 100)
    plan = plan_replay([record], rules, {0: Progress(offset=2, beyond=frozenset({7}))})
    assert plan.left_out == ({} if why is None else {why: 1})
    assert plan.letters == (why is None)


def test_again_sends_what_was_sent_but_not_what_was_refused_too_often() -> None:
    plan = plan_replay([dead(0), dead(1, attempts=3)], replace(RULES, again=True), {0: Progress(offset=9)})
    assert plan.offsets == {0: [0]}
    assert plan.left_out == {LeftOut.ATTEMPTS: 1}


def test_what_is_not_asked_for_is_not_counted() -> None:
    rules = replace(RULES, wanted=Wanted(reasons=frozenset({"bug"})))
    plan = plan_replay([dead(0, reason="contract"), dead(1, reason="contract", attempts=9), dead(2)], rules, {})
    assert (plan.offsets, plan.left_out, plan.remaining) == ({0: [2]}, {}, 0)


def test_the_oldest_go_first_whatever_order_the_partitions_come_in() -> None:
    letters = [dead(n, 1, died=NOON + timedelta(seconds=10 + n)) for n in range(4)]
    letters += [dead(n, 0, died=NOON + timedelta(seconds=12 + n)) for n in range(4)]
    plan = plan_replay(letters, replace(RULES, limit=4), {})
    assert plan.offsets == {1: [0, 1, 2], 0: [0]}
    assert plan.remaining == 4
    assert plan.size_bytes == 4
    assert plan.reasons == Counter(bug=4)


def sent_in_full(plan: Plan, before: dict[int, Progress]) -> dict[int, Progress]:
    return {p: progress_after(before.get(p, Progress()), plan, p, set(plan.offsets.get(p, []))) for p in plan.ends}


def test_a_filter_leaves_holes_that_a_later_run_finds() -> None:
    reasons = ["bug", "contract", "bug", "contract", "bug"]
    letters = [dead(n, reason=reason) for n, reason in enumerate(reasons)]
    bugs = plan_replay(letters, replace(RULES, wanted=Wanted(reasons=frozenset({"bug"}))), {})
    after = sent_in_full(bugs, {})
    assert after == {0: Progress(offset=1, beyond=frozenset({2, 4}))}
    rest = plan_replay(letters, RULES, after)
    assert rest.offsets == {0: [1, 3]}
    assert rest.left_out == {LeftOut.REPLAYED: 3}
    assert sent_in_full(rest, after) == {0: Progress(offset=5)}


def test_what_was_refused_too_often_stays_for_a_run_that_allows_more() -> None:
    letters = [dead(0, attempts=3), dead(1), dead(2, more=GONE)]
    after = sent_in_full(plan_replay(letters, RULES, {}), {})
    assert after == {0: Progress(offset=0, beyond=frozenset({1}))}
    assert plan_replay(letters, replace(RULES, max_attempts=4), after).offsets == {0: [0]}


def test_progress_never_goes_back() -> None:
    again = plan_replay([dead(0), dead(1)], replace(RULES, again=True, limit=1), {0: Progress(offset=2)})
    assert sent_in_full(again, {0: Progress(offset=2)}) == {0: Progress(offset=2)}


@PROPERTY
@given(st.data())
def test_any_runs_with_any_filters_send_each_letter_once_and_leave_none(data: st.DataObject) -> None:
    letters = [
        dead(n, n % 2, reason=data.draw(st.sampled_from(["bug", "contract", "not_json"]))) for n in range(0, 40, 3)
    ]
    progress: dict[int, Progress] = {}
    sent: Counter[tuple[int, int]] = Counter()
    for reasons in [*data.draw(st.lists(st.sets(st.sampled_from(["bug", "contract", "not_json"])), max_size=6)), set()]:
        limit = data.draw(st.integers(1, 10)) if reasons else 1_000
        rules = replace(RULES, wanted=Wanted(reasons=frozenset(reasons)), limit=limit)
        plan = plan_replay(letters, rules, progress)
        for partition in plan.ends:
            offsets = plan.offsets.get(partition, [])
            done = set(offsets[: data.draw(st.integers(0, len(offsets)))]) if reasons else set(offsets)
            sent.update((partition, offset) for offset in done)
            before = progress.get(partition, Progress())
            after = progress_after(before, plan, partition, done)
            progress[partition] = decode_note(after.offset, encode_note(after, TOPIC_ID), TOPIC_ID)
    assert sent == {(letter.partition, letter.offset): 1 for letter in letters}


@PROPERTY
@given(st.integers(0, 2**40), st.sets(st.integers(0, 5_000)))
def test_a_note_gives_back_the_progress_it_was_made_of(offset: int, beyond: set[int]) -> None:
    progress = Progress(offset=offset, beyond=frozenset(offset + at for at in beyond))
    note = encode_note(progress, TOPIC_ID)
    assert note.isascii()
    assert decode_note(offset, note, TOPIC_ID) == progress


def test_a_note_holds_every_pattern_of_twenty_thousand_letters_and_a_regular_one_of_a_million() -> None:
    import random

    chance = random.Random(7)  # noqa: S311 - a test wants the same numbers each time
    wild = Progress(beyond=frozenset(n for n in range(20_000) if chance.random() < 0.5))
    assert len(encode_note(wild, TOPIC_ID)) <= NOTE_CHARACTERS
    assert len(encode_note(Progress(beyond=frozenset(range(1, 1_000_000, 7))), TOPIC_ID)) <= NOTE_CHARACTERS


def test_the_note_of_a_topic_that_was_made_anew_tells_nothing() -> None:
    note = encode_note(Progress(offset=500, beyond=frozenset({502})), TOPIC_ID)
    assert decode_note(500, note, "another id") == Progress()


@pytest.mark.parametrize("note", ["", TOPIC_ID, TOPIC_ID + " ", TOPIC_ID + " not base 85: é", TOPIC_ID + " abcde"])
def test_an_offset_without_a_note_that_can_be_read_holds_alone(note: str) -> None:
    assert decode_note(500, note, TOPIC_ID) == Progress(offset=500)


class Reader:
    """A partition's records in polls, as a consumer gives them; empty for ever after."""

    def __init__(self, *polls: list[Record], start: int = 0) -> None:
        self._polls = list(polls)
        self._position = start

    def poll(self, _timeout_s: float) -> list[Record]:
        records = self._polls.pop(0) if self._polls else []
        for record in records:
            self._position = record.offset + 1
        return records

    def position(self, *_: object) -> int:
        return self._position


BEGAN = NOON + timedelta(hours=1)


def offsets_of(records: Iterable[Record]) -> list[int]:
    return [record.offset for record in records]


def test_reading_ends_at_the_end_that_was_there_though_ever_more_come() -> None:
    late = [[dead(n, died=BEGAN + timedelta(seconds=n))] for n in range(2, 10_000)]
    reader = Reader([dead(0)], [], [dead(1)], *late)
    assert offsets_of(records_until(reader, {("dead", 0): 2}, BEGAN)) == [0, 1]
    assert reader.position() < 10


def test_a_broker_that_names_too_early_an_end_hides_nothing() -> None:
    reader = Reader([dead(0)], [], [dead(1), dead(2)])
    assert offsets_of(records_until(reader, {("dead", 0): 1}, BEGAN)) == [0, 1, 2]


def test_partitions_that_are_not_asked_for_are_passed_over() -> None:
    reader = Reader([dead(0, 1), dead(0, 0)])
    assert [record.partition for record in records_until(reader, {("dead", 0): 1}, BEGAN)] == [0]


def test_a_broker_that_falls_silent_before_the_end_is_told() -> None:
    with pytest.raises(TransientError, match="sent nothing for 30 s"):
        list(records_until(Reader([dead(0)]), {("dead", 0): 5}, BEGAN))


def test_one_record_is_found_at_its_offset_and_none_beside_it() -> None:
    found = record_at(Reader([], [dead(3), dead(4)], start=3), "dead", 0, 3, is_there=True)
    assert found is not None
    assert found.offset == 3
    assert record_at(Reader([dead(4)], start=3), "dead", 0, 3, is_there=True) is None
    assert record_at(Reader(start=9), "dead", 0, 3, is_there=True) is None
    assert record_at(Reader(start=3), "dead", 0, 3, is_there=False) is None


class Sender:
    """Takes note of what is sent, and of how much was not yet acknowledged when the next one came."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.waiting = self.most_waiting = 0

    def fits(self, *_: object) -> bool:
        return True

    def send(self, topic: str, message: Message) -> "Sender":
        assert topic == "articles"
        self.sent.append(message)
        self.waiting += 1
        self.most_waiting = max(self.waiting, self.most_waiting)
        return self

    def wait(self) -> SimpleNamespace:
        self.waiting -= 1
        return SimpleNamespace(partition=0, offset=0)


def test_what_is_yielded_has_been_acknowledged_and_what_is_in_flight_is_bounded() -> None:
    sender = Sender()
    count = 0
    for batch in send_back((dead(n) for n in range(1_234)), sender, "articles"):
        assert sender.waiting == 0
        count += len(batch)
        assert len(sender.sent) == count
    assert count == 1_234
    assert sender.most_waiting == 500


def test_nothing_of_a_batch_counts_as_sent_where_one_is_not_acknowledged() -> None:
    class Failing(Sender):
        def wait(self) -> SimpleNamespace:
            if len(self.sent) > 500 and self.waiting == 200:
                raise TransientError("not acknowledged")
            return super().wait()

    batches = send_back((dead(n) for n in range(1_234)), Failing(), "articles")
    assert len(next(batches)) == 500
    with pytest.raises(TransientError):
        next(batches)


def test_large_letters_are_acknowledged_before_more_are_sent() -> None:
    sender = Sender()
    assert sum(map(len, send_back((dead(n, value=b"v" * 9_000_000) for n in range(5)), sender, "articles"))) == 5
    assert sender.most_waiting == 2


HOSTILE = "\x1b[2J\x07\x9b31m\u202egnp.exe\u2028\x00\r\n\t\x7f\ufeff"


def test_nothing_in_a_letter_reaches_the_terminal_as_more_than_text() -> None:
    raw = HOSTILE.encode() + b"\xff\xfe"
    more: Headers = (("__connect.errors.exception.message", raw), ("x" + HOSTILE, raw), ("null", None))
    letter = letter_of(dead(0, reason=HOSTILE, more=more, value=raw, key=raw, topic=HOSTILE))
    lines = letter_lines(letter) + table_lines([letter], 200)
    assert all(line.isprintable() for line in lines)
    assert len(table_lines([letter], 200)) == 2
    (shown,) = [line for line in lines if line.startswith("header     x")]
    assert shown.count("\\x1b[2J\\x07\\x9b31m\\u202egnp.exe\\u2028\\x00\\r\\n\\t\\x7f\\ufeff") == 2
    assert shown.endswith("\\xff\\xfe")


def test_a_value_cannot_pass_for_a_line_of_ours() -> None:
    letter = letter_of(dead(0, value=b"first\nreason     not_json\nlast"))
    assert [line for line in letter_lines(letter) if line.startswith("reason")] == ["reason     bug"]


def test_a_table_is_no_wider_than_the_terminal() -> None:
    message = (("__connect.errors.exception.message", "é漢".encode() * 500),)
    letters = [letter_of(dead(n, more=message, key="漢字".encode() * 50)) for n in range(3)]
    from rich.cells import cell_len

    for width in (40, 80, 132, 250):
        lines = table_lines(letters, width)
        assert len(lines) == 4
        assert all(cell_len(line) <= width for line in lines)


def test_a_long_value_is_cut_and_said_to_be() -> None:
    letter = letter_of(dead(0, value="é".encode() * VALUE_BYTES))
    assert letter_lines(letter)[-1] == "… the first 4,096 of 8,192 bytes; --raw writes them all"
    assert sum(map(len, letter_lines(letter))) < 2 * VALUE_BYTES
    assert whole_document(letter)["value"] == "é" * (VALUE_BYTES // 2)
    assert whole_document(letter)["value_is_cut"]


def test_a_character_at_the_cut_is_left_out_whole_and_bad_bytes_are_shown() -> None:
    assert shown_bytes("aé".encode(), 2) == "a"
    assert shown_bytes("aé".encode(), 3) == "aé"
    assert shown_bytes(b"a\xff\xc3", 3) == "a\\xff\\xc3"


def test_printing_text_stays_as_it_is() -> None:
    assert visible("Übergabe: «Jäger» 漢字 \U0001f514 ok") == "Übergabe: «Jäger» 漢字 \U0001f514 ok"


@pytest.mark.parametrize("number", ["", "x", "-1", "٣", "9" * 50])
def test_coordinates_that_are_none_make_it_no_letter_of_ours(number: str) -> None:
    record = replace(dead(0), headers=(*dead(0).headers, ("__connect.errors.offset", number.encode())))
    assert not letter_of(record).is_ours
    assert "?" in table_lines([letter_of(record)], 100)[1]
