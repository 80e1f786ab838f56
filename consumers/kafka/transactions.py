"""Events, dead letters and consumed offsets in one Kafka transaction, fenced by the group's generation (KIP-447)."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any

from kafka import TopicPartition
from kafka.errors import AuthorizationError, CommitFailedError, FencedInstanceIdError, KafkaError
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

from consumers.intake import Member, Positions
from consumers.kafka.client import KafkaSender
from consumers.kafka.group import GroupOffsets
from consumers.kafka.refusals import missing_acl
from consumers.settings import Settings
from consumers.sink import Outgoing
from consumers.threads import call_within
from schemas.errors import StartupError, TransientError

TRANSACTION_TIMEOUT_S = 5.0
"""Seconds after which the broker may abort a transaction whose worker is gone; until then its partitions wait.

Kafka looks for such transactions every ten seconds (transaction.abort.timed.out.transaction.cleanup.interval.ms), so
that they may wait 15 s. A batch takes some 15 ms; one that is aborted for being slower is written again.
"""

_START_S = 10.0
"""Seconds that the broker may take to give out a transactional id when the worker starts."""

_ANEW_S = 3.0
"""The same for each try to begin anew: short, because kafka-python 3.0.12 can hang on a coordinator that has just died,
and finds its successor when it is asked afresh."""

_ATTEMPT_S = TRANSACTION_TIMEOUT_S
"""Seconds after which a try is given up. By then the broker may have aborted it anyhow, and kafka-python can hang as
above in the middle of a transaction (seen with three brokers)."""

_RETRY_BACKOFF_MS = 2
"""A new transaction is often asked to wait for the markers of the last one: 12 to 18 ms a transaction with 2 ms,
225 ms with kafka-python's 100 ms (measured, Kafka 4.1)."""


class TransactionalWriter:
    """One transactional producer; safe to use from one thread at a time.

    Its transactional id is the member's instance name where the settings give one, so that a restarted worker aborts
    at once what it left open, and otherwise one of its own: what keeps a replaced worker out is the generation.
    """

    def __init__(self, settings: Settings, offsets: GroupOffsets) -> None:
        """Raises StartupError where the broker is not there or does not let us."""
        self._settings = settings
        self._offsets = offsets
        self._id = f"{settings.group}-{settings.group_instance or uuid.uuid4().hex}"
        self._sender = self._new_sender(_START_S)

    def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        """Writes all of it or nothing; False where the group's generation has moved on: then nothing is written.

        After any other error the outcome of the transaction is not known here. A new producer of the same id makes
        Kafka end it, and the committed offsets, which were part of it, say how it ended; if it was aborted, the batch
        is written again. Raises TransientError where that has not worked for TOCSIN_DELIVERY_TIMEOUT_S seconds.
        """
        until = time.monotonic() + self._settings.delivery_timeout_s
        while True:
            try:
                call_within(lambda: self._transaction(outgoing, positions, member), _ATTEMPT_S)
            except CommitFailedError:
                self._abort()
                return False
            except FencedInstanceIdError as error:
                raise StartupError(
                    f"another worker has taken the place {member.instance!r} in the group: "
                    "TOCSIN_GROUP_INSTANCE must differ between workers"
                ) from error
            except (KafkaError, TransientError, TimeoutError) as error:
                self._begin_anew(until, error)
                if self._offsets.reached(positions):
                    return True
                if time.monotonic() > until:
                    raise TransientError(_not_written(self._settings, error)) from error
            else:
                self._offsets.written(positions)
                return True

    def close(self) -> None:
        """Aborts what is open, and releases sockets and threads."""
        self._sender.close()

    def _transaction(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> None:
        sender, producer = self._sender, self._sender.producer  # a try that was given up must not meet the next one's
        producer.begin_transaction()
        pending = sender.queue(outgoing)
        producer.send_offsets_to_transaction(
            {TopicPartition(*at): OffsetAndMetadata(o, "", -1) for at, o in positions.items()},
            ConsumerGroupMetadata(self._settings.group, member.generation, member.member_id, member.instance),
        )
        if pending:
            producer.flush(timeout=self._settings.delivery_timeout_s)
        for each in pending:
            each.wait()
        producer.commit_transaction()

    def _abort(self) -> None:
        try:
            call_within(self._sender.producer.abort_transaction, _ATTEMPT_S)
        except (KafkaError, TimeoutError) as error:
            self._begin_anew(time.monotonic() + self._settings.delivery_timeout_s, error)

    def _begin_anew(self, until: float, cause: Exception) -> None:
        threading.Thread(target=self._sender.close, daemon=True).start()  # it may hang as its transaction did
        while True:
            try:
                self._sender = self._new_sender(_ANEW_S)
            except StartupError as error:
                if time.monotonic() > until:
                    raise TransientError(_not_written(self._settings, cause)) from error
                time.sleep(0.5)
            else:
                return

    def _new_sender(self, patience_s: float) -> Any:
        sender = KafkaSender(
            self._settings,
            transactional_id=self._id,
            transaction_timeout_ms=int(TRANSACTION_TIMEOUT_S * 1000),
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            max_block_ms=int(patience_s * 1000),
        )
        try:
            sender.producer.init_transactions()
        except AuthorizationError as error:
            raise missing_acl(error, self._settings) from error
        except KafkaError as error:
            with contextlib.suppress(KafkaError):
                sender.close()
            raise StartupError(
                f"the broker gives no transaction to {self._id!r}: {error}; `tocsin check` says what it can hold"
            ) from error
        return sender


def _not_written(settings: Settings, cause: Exception) -> str:
    return f"a batch could not be written within {settings.delivery_timeout_s:g} s: {cause!r}"
