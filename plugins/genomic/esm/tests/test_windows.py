"""Where a change is seen."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mmcare_esm.windows import Sight, sight_of, stretches

PROTEIN = "".join(chr(ord("A") + i % 26) for i in range(20)) + "K" * 80


def test_a_short_protein_is_seen_whole() -> None:
    found = sight_of("MACDEFGH", "MACWEFGH", width=16, around=2)
    assert found == Sight("MACDEFGH", "MACWEFGH", (1, 6), (1, 6))


def test_a_truncation_is_averaged_up_to_its_end() -> None:
    assert sight_of("MACDEFGH", "MAC", width=16, around=2) == Sight("MACDEFGH", "MAC", (1, 6), (1, 3))


def test_a_longer_protein_is_averaged_from_its_old_end() -> None:
    assert sight_of("MACD", "MACDEF", width=16, around=2) == Sight("MACD", "MACDEF", (2, 4), (2, 6))


def test_changes_near_one_another_share_the_references_stretch() -> None:
    sights = [sight_of(LONG, LONG[:i] + "!" + LONG[i + 1 :], width=40, around=3) for i in range(len(LONG))]
    assert len({sight.reference for sight in sights}) == 10
    for site, sight in enumerate(sights):
        place = sight.mutated.index("!")
        assert min(site, 10) <= place < 30 and sight.in_mutated[0] <= place < sight.in_mutated[1]


LONG = "".join(chr(1000 + i) for i in range(200))


@given(st.data())
def test_both_sides_of_any_change_are_seen_and_averaged(data: st.DataObject) -> None:
    letters = st.text(alphabet="ACDEF", min_size=1, max_size=120)
    reference, mutated = data.draw(letters), data.draw(letters)
    if reference == mutated:
        return
    found = sight_of(reference, mutated, width=16, around=4)
    for seen, (first, last), whole in (
        (found.reference, found.in_reference, reference),
        (found.mutated, found.in_mutated, mutated),
    ):
        assert seen in whole and len(seen) <= 16
        assert 0 <= first < last <= len(seen)


@given(st.integers(1, 5000), st.integers(16, 1022))
def test_stretches_cover_a_sequence_once(length: int, width: int) -> None:
    found = stretches(length, width)
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(b == c for (_, b), (c, _) in pairwise(found))
    assert all(0 < b - a <= width for a, b in found) and len(found) == -(-length // width)
