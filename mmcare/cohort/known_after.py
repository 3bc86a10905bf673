"""What the name of a column says about when it is known: a pathological stage is known only after the operation."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mmcare.cohort.units import words_of

__all__ = ["known_after"]

_STAGE = "a pathological stage"
_NAMES: Mapping[str, tuple[str, ...]] = {
    _STAGE: (
        r"\by?p ?(tnm|[tnm]) ?(stage|status|category|class|positive|descriptor)",
        r"\bpath(ol|ologic|ological|ology)? ?(tnm|[tnm]\b|stage|node|size|response)",
    ),
    "the state of the resection margins": (
        r"\bmargins?\b",
        r"\bresection status",
        r"\br (status|class)",
        r"\br[012]\b",
    ),
    "what the treatment left": (r"\bresidual (tumou?r|disease)",),
    "the dose or the fractions delivered": (
        r"\b(total|delivered|received|given|cumulative|radiation|rt|sbrt) ?dose",
        r"^dose( (gy|total|delivered|given|received|per fraction))?$",
        r"\b(bed|bed10|eqd2)\b",
        r"\b(n|no|num|number of|delivered|rt|sbrt) (fractions|fx)\b",
        r"^fractions$",
    ),
    "an invasion seen in the specimen": (
        r"\b(lympho)?vascular invasion",
        r"\bpleural invasion",
        r"\bperineural",
        r"\b(lvi|vpi|stas)\b",
    ),
    "lymph nodes of the specimen": (r"\bnodes? (removed|resected|examined|harvested|dissected)",),
    "what was found in the resection specimen": (r"\bspecimen", r"\bresected\b", r"\bresection (rna|dna|tmb|mutation)"),
    "a treatment after the first": (r"(?<!neo )\badjuvant", r"\bsalvage", r"\bpost ?op"),
    "the operation itself": (r"\bblood loss", r"\boperati(ve|on) (time|duration)", r"\b(length of|hospital) stay"),
    "the course after treatment": (
        r"\brecurren",
        r"\brelapse",
        r"\bprogress(ion|ed)",
        r"\bcomplication",
        r"\btoxicity",
        r"\brecist\b",
        r"\btreatment response|\bresponse to (treatment|therapy)",
    ),
    "an outcome": (
        r"\b(dead|death|deceased|died|alive|survival|vital status|censor(ed|ship|ing)?|follow ?up)\b",
        r"\bdead ?status",
        r"\b(os|pfs|dfs|rfs|dss|css) (time|months|days|years|weeks|status|event)",
    ),
}
"""Patterns of words, by what they mean."""
_LETTERS = re.compile(r"(?<![A-Za-z])y?p(TNM|T|N|M)(?![a-z])")
"""pT, pN: only as written, since `pt` is short for patient."""


def known_after(name: str) -> str:
    """Why a column of this name is known only after the treatment decision; empty where the name does not say so.

    Known by English words and the letters of the TNM system; what no pattern names counts as known at the decision.
    """
    if _LETTERS.search(name):
        return _STAGE
    words = words_of(name)
    return next((what for what, ways in _NAMES.items() if any(re.search(way, words) for way in ways)), "")
