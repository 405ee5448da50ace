# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of viewers as users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.bridges.viewer.address import DEFAULT, Address, AddressError, read_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (DEFAULT, Address("127.0.0.1", 9876)),
        ("localhost", Address("localhost", 9876)),
        (":9999", Address("127.0.0.1", 9999)),
        ("[::1]:80", Address("::1", 80)),
        ("rerun+http://10.0.0.2:9876/proxy", Address("10.0.0.2", 9876)),
        ("https://viewer.local:443", Address("viewer.local", 443, "rerun+https")),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert read_address(f" {text} ") == address
    assert read_address(address.url) == address


@given(st.text(max_size=40))
def test_whatever_is_written_is_an_address_or_a_sentence(text: str) -> None:
    try:
        address = read_address(text)
    except AddressError as error:
        assert str(error).endswith(".")
    else:
        assert 0 < address.port < 65536 and address.host


def test_at_a_name_that_no_network_has_nobody_answers() -> None:
    assert not read_address("a" * 70).answers(0.1)
    assert not read_address("viewer..local").answers(0.1)
