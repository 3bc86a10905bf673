"""Whether a written command is one that `mmcare` has: its verb, its options, what it requires. Nothing is run."""

from __future__ import annotations

import shlex

from mmcare.cli.main import load_verb
from mmcare.cli.verbs import GROUPS, VERBS, Verb

OF_MMCARE = {"--version", "--help", "-h", "--traceback", "--install-completion", "--show-completion"}


def words_of(line: str) -> list[str] | None:
    """What follows `mmcare`; None where the line starts something else."""
    words = shlex.split(line, comments=True)
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    return words[1:] if words[:1] == ["mmcare"] else None


def verb_of(words: list[str]) -> tuple[Verb, list[str]]:
    """The verb, and its arguments."""
    for verb in VERBS:
        name = [verb.group, verb.name] if verb.group else [verb.name]
        if words[: len(name)] == name:
            return verb, words[len(name) :]
    raise AssertionError(f"mmcare has no verb `{' '.join(words[:2])}`")


def parse(words: list[str]) -> None:
    """Fail where `mmcare` would refuse these words for themselves: an unknown verb or option, a missing argument."""
    if set(words) <= OF_MMCARE:
        return
    verb, rest = verb_of(words)
    with load_verb(verb).make_context(verb.name, rest, parent=None):
        pass


def mentioned(span: str) -> None:
    """Fail where a code span such as `mmcare plugin list --kind K` names a verb or option that does not exist."""
    words = span.split()[1:]
    if not words or words[0].startswith("-") or words[0].isupper() or words in ([g] for g in GROUPS):
        assert all(w.split("=")[0] in OF_MMCARE for w in words if w.startswith("-")), span
        return
    verb, rest = verb_of(words)
    known = {name for p in load_verb(verb).params for name in (*p.opts, *p.secondary_opts)} | OF_MMCARE
    assert all(word in known for word in rest if word.startswith("-")), span
