"""Whatever a data set holds: no element outside of the allow-list survives, and no text but a listed one."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pydicom
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from mmcare.cohort.deidentify import Deidentifier, HeldBack, file_bytes
from mmcare.cohort.deidentify.allow_list import ALLOWED
from mmcare.cohort.deidentify.rules import Allowed, Items
from tests.cohort.deidentify import planted
from tests.cohort.deidentify.conftest import KEY

MEANT = {tag_for_keyword(k) for k in ("SOPClassUID", "PatientID", "PixelData", "SamplesPerPixel", "BurnedInAnnotation")}
"""Elements that say by themselves that an object is held back."""
SECRET = "Zq9SECRETq9Z"
DEIDENTIFIER = Deidentifier(KEY)
SIGN = 0x00280103
"""PixelRepresentation: pydicom reads it at once when it is set, and raises where it is no number."""
TAGS = sorted(tag for tag in DicomDictionary if tag >> 16 > 2 and tag >> 16 != 0xFFFE and tag != SIGN)
STANDARD = st.sampled_from(TAGS)
PRIVATE = st.builds(lambda g, e: ((2 * g + 1) << 16) | e, st.integers(4, 0x7FFE), st.integers(0x1001, 0xFFFF))
UNKNOWN = st.builds(lambda g, e: (2 * g << 16) | e, st.integers(4, 0x7FFE), st.integers(1, 0xFFFF))


def _listed(allowed: tuple[Allowed, ...]) -> Iterator[int]:
    for entry in allowed:
        yield tag_for_keyword(entry.keyword)  # type: ignore[misc]
        if isinstance(entry.rule, Items):
            yield from _listed(entry.rule.allowed)


LISTED = st.sampled_from(sorted({tag for one in ALLOWED.values() for tag in _listed(one)} - {SIGN}))
ANY_TAG = st.one_of(STANDARD, LISTED, PRIVATE, UNKNOWN)
TEXTS = st.sampled_from(
    [SECRET, f"GTV {SECRET}", f"1.2.3.{SECRET}", f"Doe^{SECRET}", f"{SECRET}\\ORIGINAL", "", "20010203"]
)


@st.composite
def items(draw: st.DrawFn, depth: int = 3) -> Dataset:
    """A data set of any elements, standard, private and unknown, with items in items."""
    ds = Dataset()
    for tag in draw(st.lists(ANY_TAG, max_size=6, unique=True)):
        _put(draw, ds, Tag(tag), depth)
    return ds


def _put(draw: st.DrawFn, ds: Dataset, tag: BaseTag, depth: int) -> None:
    kind = draw(st.sampled_from(["as it should be", "text", "items", "bytes"]))
    vr = dictionary_VR(tag) if not tag.is_private and tag in DicomDictionary else "LO"
    if (kind == "items" or vr == "SQ") and depth:
        ds.add_new(tag, "SQ", Sequence([draw(items(depth - 1)) for _ in range(draw(st.integers(0, 2)))]))
    elif kind == "as it should be" and vr in ("DS", "IS"):
        ds.add_new(tag, vr, str(draw(st.integers(-10_000, 10_000))))
    else:
        text = SECRET if kind == "bytes" else draw(TEXTS)
        ds[tag] = _raw(tag, "UN" if kind == "bytes" else vr, text.encode())


def _raw(tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
    """As a file gives it: whatever the bytes, nothing is converted or refused before it is read."""
    return RawDataElement(tag, vr, len(value), value, 0, False, True)


WHOLE = {"CT": lambda: planted.ct(0), "RTSTRUCT": planted.rtstruct, "SEG": planted.seg}


@st.composite
def objects(draw: st.DrawFn) -> Dataset:
    """A CT image, structure set or segmentation in order, with any elements added or put in place of its own."""
    ds = WHOLE[draw(st.sampled_from(sorted(WHOLE)))]()
    places = [ds, *(item for element in ds if element.VR == "SQ" for item in element.value)]
    for place in places:
        added = draw(items())
        for tag in added.keys() - MEANT:
            place[tag] = added.get_item(tag)
    return ds


def outside(ds: Dataset, allowed: tuple[Allowed, ...]) -> Iterator[str]:
    """Elements that the list does not name, at any depth."""
    by_keyword = {entry.keyword: entry for entry in allowed}
    for element in ds:
        entry = by_keyword.get(element.keyword)
        if entry is None:
            yield f"{element.tag} {element.keyword}"
        elif isinstance(entry.rule, Items):
            for item in element.value:
                yield from outside(item, entry.rule.allowed)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(objects())
def test_nothing_outside_of_the_allow_list_survives(ds: Dataset) -> None:
    with pydicom.config.disable_value_validation():
        made = DEIDENTIFIER.dataset(ds)
    event("held back" if isinstance(made, HeldBack) else "written")
    if isinstance(made, HeldBack):
        return
    raw = file_bytes(made)
    read = pydicom.dcmread(io.BytesIO(raw))
    assert list(outside(read, ALLOWED[str(ds.SOPClassUID)])) == ["(0012,0064) DeidentificationMethodCodeSequence"]
    assert SECRET.encode() not in raw
    assert SECRET.lower().encode() not in raw.lower()


@pytest.mark.parametrize("modality", sorted(WHOLE))
def test_objects_in_order_are_not_held_back(modality: str) -> None:
    assert isinstance(DEIDENTIFIER.dataset(WHOLE[modality]()), Dataset)
