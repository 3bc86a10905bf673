"""Endpoints that a table seems to hold: a column of times and a column of events, paired by what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcare.cohort.dictionary import YEARS_IN, Unit
from mmcare.cohort.drafting.guess import TODO, todo
from mmcare.cohort.drafting.profile import Profile
from mmcare.cohort.units import unit_in_name

__all__ = ["DraftedEndpoint", "draft_endpoints"]

_CONCEPTS: Mapping[str, str] = {
    "os": r"os|overall survival|survival|vital|death|dead|deceased|died|alive|dead ?status",
    "dfs": r"dfs|disease free",
    "rfs": r"rfs|recurren\w*|relapse\w*",
    "pfs": r"pfs|progress\w*",
    "lc": r"lc|lr|local (control|failure|recurrence|relapse)",
    "css": r"css|dss|(cancer|cause|disease) specific",
    "dm": r"dm|dmfs|distant \w+",
}
"""What words of a name mean, by the endpoint's key; a later one is more special than an earlier."""
_IS_TIME = r"time|months?|days?|weeks?|years?|duration|follow ?up|fu|survival|os|pfs|dfs|rfs|css|dss|lc|dmfs"
_IS_EVENT = (
    r"status|event|censor\w*|dead|death|deceased|died|alive|vital|failure|relapse\w*|recurren\w*|progress\w*"
    r"|dead ?status|control|survival"
)
_PLAIN_EVENTS = ("event", "status", "censored", "censor", "censoring", "censorship")
_NO_TIME = r"age|date|year of|birth|pack|quit|between|smoking|interval|dose|stay|diagnosis"
_NO_EVENT = (
    r"date|location|site|type|time|days?|months?|years?|cause|smoking|mutation|marital|insurance|age|grade|treatment"
)
_EVENT = (
    r"1 ?:.*|dead.*|deceased.*|died.*|death.*|yes|y|true|event|failure|recurr.*|relapse.*|progress.*|exitus|verstorben"
)
_CENSORED = r"0 ?:.*|alive.*|living.*|no|n|false|censored|none|no .*|not .*|lebend|lebt|non ?recurr.*|disease ?free"
_COMPETING = r".*(other cause|intercurrent|competing|unrelated).*"
_MOST_CODES = 6
_FEW_AT_RISK = 5
_DAYS_ABOVE = 400
"""Longer than anybody is followed in months or weeks: 33 years, or 7 and a half."""


@dataclass(frozen=True, slots=True)
class DraftedEndpoint:
    """An endpoint as far as it can be guessed; what cannot is a TODO.

    Attributes:
        key: Its key in the dictionary.
        time: Column of times, or a TODO.
        event: Column of events, or a TODO.
        unit: Unit of the times, or a TODO.
        codes: What each text of the event column means, or a TODO.
        horizons: Years, or a TODO.
        missing: Texts of its columns that seem to mean "not known".
        why: What each was guessed from, by the field's name.
    """

    key: str
    time: str
    event: str
    unit: str
    codes: Mapping[str, str]
    horizons: tuple[float, ...]
    missing: tuple[str, ...]
    why: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it takes."""
        return tuple(name for name in (self.time, self.event) if not name.startswith(TODO))


def draft_endpoints(columns: Sequence[Profile]) -> tuple[DraftedEndpoint, ...]:
    """The endpoints that names and values suggest, survival first; none where no column of events is found."""
    events = list(_events(columns))
    times = [c for c in columns if _is_time(c) and c not in events]
    found: list[DraftedEndpoint] = []
    for event in events:
        key = _concept(event.words) or "os"
        if all(key != endpoint.key for endpoint in found):
            found.append(_endpoint(key, event, _times_for(key, event, times)))
    return tuple(sorted(found, key=lambda endpoint: list(_CONCEPTS).index(endpoint.key)))


def _endpoint(key: str, event: Profile, times: Sequence[Profile]) -> DraftedEndpoint:
    codes, why_codes = _codes(event)
    why = {"event": f"by its name; {_counted(event)}", "codes": why_codes}
    if len(times) != 1:
        return DraftedEndpoint(
            key, _which_time(key, times), event.name, _which_unit(None), codes, (), event.missing, why
        )
    time = times[0]
    known_only = _known_only_with_event(time, event, codes)
    if known_only:
        why |= {"unit": f"by the name of {time.name}"} if unit_in_name(time.name) in YEARS_IN else {}
        return DraftedEndpoint(key, known_only, event.name, _which_unit(time), codes, (), event.missing, why)
    unit, why_unit = _unit(time)
    horizons = _horizons(time, unit)
    why |= {"time": f"by its name; {_range(time)}", "unit": why_unit, "horizons": "by the length of follow-up"}
    missing = tuple(dict.fromkeys((*time.missing, *event.missing)))
    return DraftedEndpoint(key, time.name, event.name, unit, codes, horizons, missing, why)


def _events(columns: Sequence[Profile]) -> Iterator[Profile]:
    """Columns that may say what ended follow-up; those called status or event first, since they mean to be codes."""
    likely = [c for c in columns if c.kind in ("category", "number") and len(c.counts) <= _MOST_CODES and _is_event(c)]
    named = [c for c in likely if _has(r"status|event|censor\w*|dead ?status|vital", c.words)]
    yield from named
    yield from (c for c in likely if c not in named)


def _is_event(column: Profile) -> bool:
    """Of an endpoint's name; or called an event, a status or censored, and nothing else."""
    if _has(_NO_EVENT, column.words) or not _has(_IS_EVENT, column.words):
        return False
    return bool(_concept(column.words)) or column.words in _PLAIN_EVENTS


def _is_time(column: Profile) -> bool:
    return (
        column.kind == "number"
        and len(column.counts) > 2
        and _has(_IS_TIME, column.words)
        and not _has(_NO_TIME, column.words)
        and (column.numbers < 0).mean() < 0.2
    )


def _times_for(key: str, event: Profile, times: Sequence[Profile]) -> list[Profile]:
    """The times of an endpoint: those of its own name; else those of no endpoint's name, such as `follow-up`."""
    own = [time for time in times if _concept(time.words) == key]
    return own or [time for time in times if not _concept(time.words)]


def _concept(words: str) -> str:
    """The endpoint that a name means; empty where it names none."""
    return next((key for key in reversed(list(_CONCEPTS)) if _has(_CONCEPTS[key], words)), "")


def _which_time(key: str, times: Sequence[Profile]) -> str:
    if not times:
        return todo(f"which column holds the time to {key}, or to the last contact? None is named so.")
    return todo(f"which of {', '.join(time.name for time in times[:5])} holds the time to {key} or the last contact?")


def _known_only_with_event(time: Profile, event: Profile, codes: Mapping[str, str]) -> str:
    """A time to death alone says nothing of those who live: their last contact is missing."""
    pairs = list(zip(time.cells, event.cells, strict=True))
    without = [e for t, e in pairs if codes.get(e) == "censored"]
    known = [e for t, e in pairs if codes.get(e) == "censored" and time.known(t)]
    if not without or len(known) > 0.1 * len(without):
        return ""
    return todo(
        f"which column holds the time to the event or to the last contact, for all? `{time.name}` is known of "
        f"{time.n_known} patients, hardly any of whom is censored."
    )


def _which_unit(time: Profile | None) -> str:
    unit = unit_in_name(time.name) if time is not None else ""
    return unit if unit in YEARS_IN else todo("years, months, weeks or days?")


def _unit(time: Profile) -> tuple[str, str]:
    named = unit_in_name(time.name)
    if named in YEARS_IN:
        return named, "by the column's name"
    if time.numbers.max() > _DAYS_ABOVE:
        return "days", f"by its values; {_range(time)}"
    return todo(f"years, months, weeks or days? ({_range(time)})"), ""


def _horizons(time: Profile, unit: str) -> tuple[float, ...]:
    """Of 1, 3 and 5 years those that some patients reach; else one year or half the longest time."""
    if unit not in YEARS_IN:
        return ()
    years = time.numbers * YEARS_IN[_as_unit(unit)]
    reached = tuple(h for h in (1.0, 3.0, 5.0) if (years >= h).sum() >= _FEW_AT_RISK)
    return reached or (float(np.round(years.max() / 2, 2)),)


def _as_unit(unit: str) -> Unit:
    return next(known for known in YEARS_IN if known == unit)


def _codes(event: Profile) -> tuple[Mapping[str, str], str]:
    """What each text means, and what that was guessed from."""
    texts = [_code(text) for text in event.counts]
    if set(texts) <= {"0", "1"}:
        return _zero_one(event)
    if set(texts) <= {"0", "1", "2"} and "0" in texts:
        third = todo(f"event, competing or censored? ({event.counts.get('2', 0)} patients)")
        return {"0": "censored", "1": "event", "2": third}, "0 and 1 by custom"
    found = {text: _meaning(text, event.counts[text]) for text in event.counts}
    return found, "by their words" if not all(meaning.startswith(TODO) for meaning in found.values()) else ""


def _zero_one(event: Profile) -> tuple[Mapping[str, str], str]:
    if _has(r"controll?(ed)?|free", event.words):  # 1 may say that control was kept, or lost
        return {code: todo("event, competing or censored? A control that is kept is censored.") for code in "01"}, ""
    if _has(r"censor\w*|alive", event.words):
        return {"0": "event", "1": "censored"}, f"by the column's name: 1 is {_said_by(event)}"
    return {"0": "censored", "1": "event"}, "by custom: 1 is the event"


def _said_by(event: Profile) -> str:
    return "alive" if _has("alive", event.words) else "censored"


def _meaning(text: str, count: int) -> str:
    words = text.casefold().strip()
    for meaning, pattern in (("competing", _COMPETING), ("censored", _CENSORED), ("event", _EVENT)):
        if re.fullmatch(pattern, words):
            return meaning
    return todo(f"event, competing or censored? ({count} patients)")


def _code(text: str) -> str:
    return text.removesuffix(".0")


def _counted(column: Profile) -> str:
    return ", ".join(f"{text} {count} times" for text, count in list(column.counts.items())[:4])


def _range(column: Profile) -> str:
    return f"{column.numbers.min():g} to {column.numbers.max():g}"


def _has(pattern: str, words: str) -> bool:
    return re.search(rf"\b({pattern})\b", words) is not None
