"""What the settings say about who may come in, read and checked once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

WAYS = ("none", "token", "oidc", "proxy")
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
SHORTEST_TOKEN = 20  # characters: fewer can be guessed
_HOST = re.compile(r"([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_HEADER = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True)
class Rules:
    """Who may come in.

    Attributes
    ----------
    way : str
        One of `WAYS`.
    hosts : frozenset of str
        Names that a request's Host header may have, in lower case, without port.
    proxies : tuple of networks
        Where forwarded headers are believed from.
    client_secret : str
        Of the OpenID Connect client; empty for another way.
    """

    way: str
    hosts: frozenset[str]
    proxies: tuple[Network, ...]
    client_secret: str = field(default="", repr=False)


def check(settings: Settings) -> Rules:
    """Return the rules that the settings make.

    Raises
    ------
    ParameterError
        The server would be open to whoever reaches it, or could let nobody in.
    """
    way = settings.auth
    if way not in WAYS:
        raise ParameterError(f"The setting NNVIS_AUTH is {way[:40]!r}", f"Give one of: {', '.join(WAYS)}.")
    hosts = {host_name(text, "NNVIS_ALLOWED_HOSTS") for text in listed(settings.allowed_hosts)}
    if is_local(settings.host):
        hosts |= LOCAL_HOSTS
    else:
        _check_open(settings, hosts)
    return Rules(
        way,
        frozenset(hosts),
        _proxies(settings),
        _oidc_secret(settings) if way == "oidc" else "",
    )


def _check_open(settings: Settings, hosts: set[str]) -> None:
    """Refuse an address that others reach without sign-in or without the names that it is reached by."""
    if settings.auth == "none":
        raise ParameterError(
            f"Listening on {settings.host} would let in everyone who reaches that address",
            "Set NNVIS_AUTH to token, oidc or proxy (docs/access.md), or listen on 127.0.0.1.",
        )
    if not hosts:
        raise ParameterError(
            f"Listening on {settings.host} needs the names that browsers reach this server by",
            "Set NNVIS_ALLOWED_HOSTS, e.g. to nnvis.example.org, or listen on 127.0.0.1.",
        )


def listed(text: str) -> list[str]:
    """Return the entries of a setting that holds several, with commas between."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def is_local(address: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    try:
        return address == "localhost" or ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str | None:
    """Return the name in a Host header, in lower case and without its port; None where it isn't one."""
    found = _HOST.fullmatch(header.strip().lower())
    if found is None:
        return None
    name = found[1].removesuffix(".")
    if name.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1]).compressed}]"
        except ValueError:
            return None
    return name


def host_name(text: str, setting: str) -> str:
    """Return a host's name as `host_of` gives it; a pattern, an address with a path or a scheme is an error."""
    bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    name = host_of(bare)
    if name is None:
        raise ParameterError(f"{setting} holds {text[:80]!r}", "Give names alone, e.g. nnvis.example.org; no patterns.")
    return name


def _proxies(settings: Settings) -> tuple[Network, ...]:
    networks = []
    for text in listed(settings.proxy_address):
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            raise ParameterError(
                f"NNVIS_PROXY_ADDRESS holds {text[:80]!r}", "Give addresses or networks, e.g. 10.0.0.7 or 10.0.0.0/28."
            ) from None
        if network.prefixlen == 0:
            raise ParameterError(f"NNVIS_PROXY_ADDRESS holds {text}, which is everyone", "Name the proxy's address.")
        networks.append(network)
    if settings.auth == "proxy":
        if not _HEADER.fullmatch(settings.proxy_header):
            raise ParameterError(
                f"NNVIS_PROXY_HEADER is {settings.proxy_header[:80]!r}",
                "Give the header in which your proxy names the person, e.g. X-Forwarded-User.",
            )
        if not networks:
            raise ParameterError(
                "NNVIS_AUTH is proxy, but NNVIS_PROXY_ADDRESS names none", "Give the proxy's address, e.g. 127.0.0.1."
            )
    return tuple(networks)


def _oidc_secret(settings: Settings) -> str:
    """Return the client's secret; everything that OpenID Connect needs must be there."""
    for name in ("oidc_issuer", "oidc_client_id"):
        if not getattr(settings, name):
            raise ParameterError(
                f"NNVIS_AUTH is oidc, but NNVIS_{name.upper()} is empty", "Take it from your provider (docs/access.md)."
            )
    issuer = urlsplit(settings.oidc_issuer)
    if issuer.scheme != "https" and not (issuer.scheme == "http" and is_local(issuer.hostname or "")):
        raise ParameterError(
            f"NNVIS_OIDC_ISSUER is {settings.oidc_issuer[:200]!r}", "Give the provider's address, with https://."
        )
    if settings.oidc_client_secret_file:
        try:
            secret = Path(settings.oidc_client_secret_file).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ParameterError(
                "NNVIS_OIDC_CLIENT_SECRET_FILE can't be read", "Check its name and its rights."
            ) from None
    else:
        secret = settings.oidc_client_secret
    if not secret:
        raise ParameterError(
            "NNVIS_AUTH is oidc, but the client's secret is empty", "Set NNVIS_OIDC_CLIENT_SECRET_FILE to its file."
        )
    return secret
