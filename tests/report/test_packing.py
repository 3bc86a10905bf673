"""What is embedded comes back bit for bit, and text stays text."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmcare.report.embed import json_in_html, policy
from mmcare.report.numbers import decimals, percent, points, sentence, signed, value
from mmcare.report.packing import packed_bytes, packed_int16, unpacked_bytes, unpacked_int16


@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 1, 1), (7, 1, 2)])
def test_volumes_come_back_as_they_were(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    hu = rng.integers(-32768, 32768, shape).astype(np.int16)
    np.testing.assert_array_equal(unpacked_int16(packed_int16(hu), shape), hu)
    mask = rng.integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(unpacked_bytes(packed_bytes(mask), shape), mask)


def test_json_in_html_holds_nothing_that_html_reads() -> None:
    text = "</script><!-- & \u2028 '\""
    found = json_in_html(json.dumps({"a": text}, ensure_ascii=False))
    assert not set("<>&\u2028") & set(found)
    assert json.loads(found) == {"a": text}


def test_the_policy_allows_the_scripts_that_are_there_and_no_other_source() -> None:
    assert policy(("alert(1)",)) == (
        "default-src 'none'; script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def test_numbers_have_as_many_digits_as_mean_something() -> None:
    assert [percent(p) for p in (61.7, 99.8, 100, 0.2, 0)] == ["62", "> 99", "100", "< 1", "0"]
    assert [points(d) for d in (0.041, -0.118, 0.001)] == ["+4 points", "−12 points", "0 points"]
    assert [signed(d) for d in (0.0417, -0.1, 0.0001)] == ["+4.2", "−10.0", "0.0"]
    assert [value(v) for v in (78.7515, -3.5, 123456.7, "male")] == ["78.75", "−3.5", "123457", "male"]
    assert [decimals(d) for d in (-0.001, -1.239, 2)] == ["0.00", "−1.24", "2.00"]
    assert [sentence(s) for s in ("arm average: few", "Yes.", "")] == ["Arm average: few.", "Yes.", ""]
