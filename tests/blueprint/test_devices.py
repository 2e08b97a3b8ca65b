"""The grammar of `gpu`."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelyard.blueprint.devices import AUTO, Device, Gpu, Range, parse_gpu, parse_range

GB = 10**9


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("H100", Device(name="H100", counted=False)),
        ("H100:1", Device(name="H100")),
        ("H100:8", Device(Range(8, 8), "H100")),
        ("A100:80GB:8", Device(Range(8, 8), "A100", 80 * GB)),
        ("A100:80GB", Device(Range(1, 1), "A100", 80 * GB, counted=False)),
        ("24GB", Device(memory=24 * GB, counted=False)),
        ("24GB..", Device(memory=24 * GB, at_least=True, counted=False)),
        ("24GB:2", Device(Range(2, 2), memory=24 * GB)),
        ("L40S:4..8", Device(Range(4, 8), "L40S")),
        ("L4:1/4", Device(name="L4", share=Fraction(1, 4))),
        ("H100:1g.10gb", Device(name="H100", profile="1g.10gb")),
        ("2", Device(Range(2, 2))),
        ("RTX-4090:2", Device(Range(2, 2), "RTX-4090")),
    ],
)
def test_each_form_is_understood_and_written_back(text: str, device: Device) -> None:
    assert parse_gpu(text) == Gpu((device,))
    assert parse_gpu(str(device)) == Gpu((device,))


def test_auto_none_and_alternatives() -> None:
    assert parse_gpu("auto") == AUTO
    assert not AUTO.none
    assert parse_gpu(0).none
    assert [str(device) for device in parse_gpu(["H100:8", "A100:80GB:8"]).alternatives] == ["H100:8", "A100:80GB:8"]
    assert (str(AUTO), str(Gpu()), str(parse_gpu("H100"))) == ("auto", "0", "H100")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "is not a request for devices"),
        ("H100:", "is not a request for devices"),
        ("H100:8:8", "is not a request for devices"),
        ("H100:lots", "'lots' in 'H100:lots' is not a number of devices, a share or a MIG profile"),
        ("H100:0", "'0' is less than 1"),
        ("H100:8..4", "runs backwards"),
        ("L4:4/4", "is not a share of one device"),
        ("L4:1/0", "is not a share of one device"),
        ("B200:2g.40gb", "'2g.40gb' is no MIG profile of B200, which has 1g.23gb, 1g.45gb, 2g.45gb"),
        ("L4:1g.5gb", "L4 cannot be sliced by MIG; for example L4:1/4"),
        ("1MB", "less memory than any device has"),
        ([], "an empty list asks for nothing"),
        (["auto", "H100"], "stand alone, not in a list"),
    ],
)
def test_what_is_wrong_is_said(value: str | list[str], words: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]") as caught:
        parse_gpu(value)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["H100:1g.10gb", "a100:2g.20gb", "A100:2g.10gb", "H100:1g.10gb+me", "A30:2g.12gb", "B300:1g.34gb"])
def test_a_mig_profile_that_a_card_has_is_taken_and_cards_that_are_not_known_are_not_judged(text: str) -> None:
    assert str(parse_gpu(text)) == text


@pytest.mark.parametrize("text", ["H100:", ":8", "H100::8", "H100:8:"])
def test_an_empty_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="for example"):
        parse_gpu(text)


def test_ranges_keep_their_ends() -> None:
    assert parse_range("0..6") == Range(0, 6)
    assert str(parse_range("2")) == "2"


@given(st.text(max_size=20))
def test_any_text_is_understood_or_refused_and_written_back(text: str) -> None:
    try:
        gpu = parse_gpu(text)
    except ValueError:
        return
    assert parse_gpu(str(gpu)) == gpu
