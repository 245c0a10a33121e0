"""Forwarded headers are believed from the reverse proxies that are named, and from nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from nnvis_dash.access.rules import Network

BY_PROXY = "nnvis.by_proxy"  # whether a named proxy brought the request; no client can set it
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Forwarded:
    """Takes address, scheme and host of the browser from a named proxy's X-Forwarded-For, -Proto and -Host."""

    def __init__(self, application: Application, proxies: Sequence[Network]) -> None:
        self._application = application
        self._behind = ProxyFix(application, x_for=1, x_proto=1, x_host=1)
        self._proxies = proxies

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        address = address_of(environ.get("REMOTE_ADDR", ""))
        believed = address is not None and any(address in network for network in self._proxies)
        environ[BY_PROXY] = believed
        return self._behind(environ, start_response) if believed else self._application(environ, start_response)


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address, an IPv4 one that is written as IPv6 as IPv4; None where it isn't one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def counted_as(text: str) -> str:
    """Return what requests from an address are counted as: itself, of IPv6 its network of 64 bits."""
    address = address_of(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
