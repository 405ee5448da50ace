# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses under which other devices reach this computer."""

import ipaddress


def own_addresses() -> tuple[str, ...]:
    """Return this computer's IPv4 addresses in its local networks, the likeliest first; without the loopback.

    Needs `ifaddr`, which comes with aiortc. Reads the system's list of adapters, nothing is sent.
    """
    import ifaddr

    found = [
        address.ip
        for adapter in ifaddr.get_adapters()
        for address in adapter.ips
        if isinstance(address.ip, str) and not _of_no_use(address.ip)
    ]
    return tuple(sorted(dict.fromkeys(found), key=_rank))


def _of_no_use(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return address.is_loopback or address.is_link_local or address.is_unspecified


def _rank(text: str) -> int:
    """Home and office networks before those of virtual machines and containers, which are mostly in 172.16/12."""
    for rank, network in enumerate(("192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12")):
        if ipaddress.ip_address(text) in ipaddress.ip_network(network):
            return rank
    return 3
