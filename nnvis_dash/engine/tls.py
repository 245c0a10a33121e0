"""TLS between the web workers, the scheduler and the engine's workers: each shows a certificate that one CA signed.

With TLS, who has no such certificate can neither read what goes over the wire nor give the engine work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnvis_dash.errors import ParameterError
from nnvis_dash.settings import Settings

if TYPE_CHECKING:
    from distributed.security import Security


def security(settings: Settings, address: str = "") -> Security | None:
    """Return who we are and whom we believe, None without TLS.

    Raises
    ------
    ParameterError
        Only some of the three files are set, or none for an address that wants them, or one can't be read.
    """
    from distributed.security import Security

    files = {name: getattr(settings, name) for name in ("tls_ca", "tls_cert", "tls_key")}
    if not any(files.values()) and not address.startswith("tls://"):
        return None
    if unset := [f"NNVIS_{name.upper()}" for name, file in files.items() if not file]:
        raise ParameterError(f"{unset[0]} is not set", "TLS wants NNVIS_TLS_CA, NNVIS_TLS_CERT and NNVIS_TLS_KEY.")
    for name, file in files.items():
        try:
            with open(file, "rb"):  # noqa: PTH123  # whether we may read it is what matters
                pass
        except OSError as error:
            raise ParameterError(
                f"NNVIS_{name.upper()} can't be read: {error.strerror}", "Give a PEM file that is there."
            ) from None
    roles = {
        f"tls_{role}_{part}": files[f"tls_{part}"]
        for role in ("client", "scheduler", "worker")
        for part in ("cert", "key")
    }
    return Security(require_encryption=True, tls_ca_file=files["tls_ca"], **roles)


def protocol(settings: Settings) -> str:
    """Return the scheme of the scheduler's address."""
    return "tls://" if settings.tls_ca else "tcp://"
