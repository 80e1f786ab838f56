"""Events, dead letters and consumed offsets in one Kafka transaction, fenced by the group's generation (KIP-447)."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any

from kafka import TopicPartition
from kafka.errors import (
    AuthorizationError,
    CommitFailedError,
    FencedInstanceIdError,
    KafkaError,
    KafkaTimeoutError,
)
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

from consumers.intake import Member, Positions
from consumers.kafka.client import KafkaSender
from consumers.kafka.group import GroupOffsets
from consumers.kafka.refusals import missing_acl
from consumers.settings import Settings
from consumers.sink import Outgoing
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
"""Seconds after which a try is given up: by then the broker may have aborted it anyhow."""

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
                self._transaction(outgoing, positions, member)
            except CommitFailedError as error:
                self._begin_anew(until, error)  # kafka-python 3.0.12 would put the refused offsets into the next one
                return False
            except FencedInstanceIdError as error:
                raise StartupError(
                    f"another worker has taken the place {member.instance!r} in the group: "
                    "TOCSIN_GROUP_INSTANCE must differ between workers"
                ) from error
            except (KafkaError, TransientError) as error:
                self._begin_anew(until, error)
                if self._offsets.reached(positions):
                    break
                if time.monotonic() > until:
                    raise TransientError(_not_written(self._settings, error)) from error
            else:
                break
        self._offsets.written(positions)
        return True

    def close(self) -> None:
        """Aborts what is open, and releases sockets and threads."""
        self._sender.close()

    def _transaction(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> None:
        until = time.monotonic() + _ATTEMPT_S
        producer = self._sender.producer
        producer.begin_transaction()
        pending = self._sender.queue(outgoing)
        manager = producer._transaction_manager  # noqa: SLF001 - its methods wait without end, see _done
        offsets = {TopicPartition(*at): OffsetAndMetadata(offset, "", -1) for at, offset in positions.items()}
        as_member = ConsumerGroupMetadata(self._settings.group, member.generation, member.member_id, member.instance)
        self._done(manager.send_offsets_to_transaction(offsets, as_member), until)
        if pending:
            producer.flush(timeout=max(0.1, until - time.monotonic()))
        for each in pending:
            each.wait()
        self._done(manager.begin_commit(), until)

    def _done(self, result: Any, until: float) -> None:
        """Waits for a step of the transaction. The producer's own methods do it without a bound, and hang for ever
        where the broker that coordinates the transaction dies (kafka-python 3.0.12, seen with three brokers).
        """
        self._sender.producer._sender.wakeup()  # noqa: SLF001 - as the producer's own methods do
        if not result.wait(timeout_ms=max(1.0, (until - time.monotonic()) * 1000)):
            raise KafkaTimeoutError(f"the transaction was not done within {_ATTEMPT_S:g} s")

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
            sender.close()
            raise missing_acl(error, self._settings) from error
        except KafkaError as error:
            sender.close()
            raise StartupError(
                f"the broker gives no transaction to {self._id!r}: {error}; `tocsin check` says what it can hold"
            ) from error
        return sender


def _not_written(settings: Settings, cause: Exception) -> str:
    return f"a batch could not be written within {settings.delivery_timeout_s:g} s: {cause!r}"
