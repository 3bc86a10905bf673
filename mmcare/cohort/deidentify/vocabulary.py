"""Words that may stay where DICOM has free text: names of regions, kernels, makers and models of scanners.

Each is a closed list: a text stays if it is made of known words alone, and what is not known is taken for a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

__all__ = ["is_kernel", "is_model", "is_region", "maker", "named_after"]

_TARGETS = """
    gtv igtv ctv ictv itv ptv btv gtvp gtvn ctvp ctvn itvp itvn ptvp ptvn tumor tumour lesion nodule node nodes mass
    cavity
"""
_ORGANS = """
    lung lungs heart esophagus oesophagus spinal cord spinalcord trachea bronchus bronchi bronchial carina aorta liver
    stomach spleen kidney kidneys body external skin outline chest chestwall wall thorax brachial plexus brachialplexus
    rib ribs great vessel vessels greatvessels pericardium mediastinum thyroid larynx pharynx bowel canal spinalcanal
    ventricle atrium vertebra vertebrae airway airways artery vein pulmonary svc ivc pancreas gallbladder diaphragm
    couch table bolus
"""
_MODIFIERS = """
    left right l r lt rt total both bilateral combined minus plus and of upper middle lower lobe primary nodal
    mediastinal hilar lymph prv opt eval mip aip avg phase vol contra ipsi lateral t n p tree boost inner outer in out
    ex inhale exhale manual auto final union
"""
_MARKED = frozenset([*_TARGETS.split(), *_ORGANS.split()])
_KNOWN = _MARKED | frozenset(_MODIFIERS.split())
_BY_CAPITALS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+(?:mm|cm)?|[^A-Za-z0-9]+", re.ASCII)
_BY_MARKS = re.compile(r"[A-Za-z]+|\d+(?:mm|cm)?|[^A-Za-z0-9]+", re.ASCII)
_NUMBER = re.compile(r"\d{1,2}(?:mm|cm)?", re.ASCII)
_BETWEEN = re.compile(r"[-_ .+/()~]+", re.ASCII)
_LONGEST = 64

_KERNEL = re.compile(
    r"(?:[A-Z][a-z]?\d{1,2}[a-z]{0,3}|FC\d{1,2}|FL\d{1,2}|[A-ELYU]|I\d{2}[a-z]|STANDARD|SOFT|DETAIL|LUNG|BONE|BONEPLUS|"
    r"CHEST|EDGE|ULTRA|BODY|SHARP|SMOOTH|LUNG ENHANCED|Q\d{2}[a-z]|[1-5])",
    re.ASCII,
)
_MAKERS = {
    "siemens": "SIEMENS",
    "ge": "GE MEDICAL SYSTEMS",
    "general": "GE MEDICAL SYSTEMS",
    "philips": "Philips",
    "toshiba": "TOSHIBA",
    "canon": "CANON",
    "varian": "Varian Medical Systems",
    "elekta": "Elekta",
    "raysearch": "RaySearch Laboratories",
    "mim": "MIM Software",
    "accuray": "Accuray",
    "picker": "Picker International",
    "marconi": "Marconi Medical Systems",
    "hitachi": "Hitachi Medical Corporation",
    "neusoft": "Neusoft Medical Systems",
    "brainlab": "Brainlab",
    "qiicr": "QIICR",
}
_FAMILIES = """
    biograph sensation somatom emotion definition volume lightspeed brightspeed hispeed discovery revolution optima
    brilliance ingenuity gemini mx8000 aquilion vereos precedence ict acqsim aria eclipse monaco pinnacle raystation
    asteion activion perspective naeotom
"""
_MODEL_WORDS = """
    vct ste st rx as as+ ct pet/ct open edge force flash plus pro ultra qx/i qx prime one lb big bore tf zoom go up top
    alpha horizon true point mct vision radonc ct750 hd xt evo
"""
_OF_FAMILIES = frozenset(_FAMILIES.split())
_OF_MODELS = _OF_FAMILIES | frozenset(_MODEL_WORDS.split())
_MODEL_NUMBER = re.compile(r"(?:pro)?\d{1,3}", re.ASCII)


def is_region(name: str) -> bool:
    """Whether a name of a region, such as `GTV-1` or `Lung_L`, is made of words of anatomy and radiotherapy alone."""
    if len(name) > _LONGEST:
        return False
    return any(_all_known(words.findall(name)) for words in (_BY_CAPITALS, _BY_MARKS))


def named_after(name: str, patterns: Sequence[str], number: int) -> str | None:
    """The pattern that a name matches, with the region's number where it has `*` or `?`; None where none matches.

    So what a pattern leaves open never gets through: `GTV Meier`, region 3, is `gtv 3` by the pattern `gtv *`. What the
    pattern meant, it still means. Capitals do not matter.
    """
    for pattern in (pattern.strip() for pattern in patterns):
        if fnmatchcase(name.strip().casefold(), pattern.casefold()):
            new = pattern.replace("*", str(number)).replace("?", str(number)[-1])
            return new if fnmatchcase(new.casefold(), pattern.casefold()) else None
    return None


def _all_known(parts: Sequence[str]) -> bool:
    words = [part.casefold() for part in parts if not _BETWEEN.fullmatch(part)]
    return all(word in _KNOWN or _NUMBER.fullmatch(word) for word in words) and any(word in _MARKED for word in words)


def is_kernel(text: str) -> bool:
    """Whether a text has the form of a reconstruction kernel of the known makers (`B30f`, `FC51`, `STANDARD`)."""
    return _KERNEL.fullmatch(text) is not None


def maker(text: str) -> str | None:
    """The usual name of the maker that a text begins with; None where it is not known."""
    words = re.findall(r"[a-z]+", text.casefold())
    return _MAKERS.get(words[0]) if words else None


def is_model(text: str) -> bool:
    """Whether a text names a known family of scanners or planning systems, with known words or short numbers."""
    words = text.casefold().replace("_", " ").split()
    known = all(w in _OF_MODELS or _MODEL_NUMBER.fullmatch(w) for w in words)
    return known and any(word in _OF_FAMILIES for word in words)
