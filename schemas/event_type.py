"""The three diplomatic event types and their codes in the schemes of the field.

The names are fixed. A sanctions or exclusion event counts whether threatened, announced or carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventType(StrEnum):
    """What diplomats did; the order is the order in which types are shown everywhere."""

    TALKS = "talks"
    SANCTIONS_WARNING = "sanctions_warning"
    PROGRAM_EXCLUSION = "program_exclusion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Where a type stands in CAMEO (LOOKUP-CAMEO.eventcodes of GDELT) and in PLOVER (manual, commit 5e0c24f)."""

    meaning: str
    cameo: tuple[str, ...]
    plover: tuple[str, ...]


CODES: dict[EventType, Codes] = {
    EventType.TALKS: Codes(
        meaning=(
            "Heads of state, ministers, envoys or officials of international organisations meet, speak or negotiate, "
            "or plan to."
        ),
        cameo=("036", "040", "041", "042", "043", "044", "045", "046"),
        plover=("CONSULT", "AGREE"),
    ),
    EventType.SANCTIONS_WARNING: Codes(
        meaning=(
            "Sanctions, an embargo, an asset freeze, a visa ban or tariffs aimed at a named state are threatened, "
            "officially demanded, imposed or extended."
        ),
        cameo=("1312", "163"),
        plover=("THREATEN-restrict", "SANCTION-discontinue"),
    ),
    EventType.PROGRAM_EXCLUSION: Codes(
        meaning=(
            "A state or state body is suspended, expelled, removed or disinvited from an international organisation, "
            "summit, treaty, trade-preference scheme or joint program, or is threatened with it. No scheme has a code "
            "of its own for this; the mapping is ours."
        ),
        cameo=("136", "166"),
        plover=("THREATEN-expel", "SANCTION-expel"),
    ),
}
"""Meaning and codes per type."""
