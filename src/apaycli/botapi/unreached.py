"""Why no connection came about, in words that name the cure.

Knows the errors of sockets and of TLS, however deep an HTTP library has wrapped them. Never an HTTP library. In all
of these cases the request has not left: nothing happened.
"""

import errno
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from apaycli.botapi.client import NotSent, NotTrusted
from apaycli.errors import TooManyFiles
from apaycli.text import show

_TOO_MANY = (errno.EMFILE, errno.ENFILE)


def unreached(error: BaseException, url: str, whose: str = "Telegram") -> NotSent:
    """The error to raise for a connection to `url` that failed. Names its host and no more: a token may stand in it."""
    for each in _causes(error):
        why = getattr(each, "verify_message", None) if isinstance(each, ssl.SSLCertVerificationError) else None
        if why is not None:
            return NotTrusted(
                f"the certificate of {_host(url)} is not trusted ({show(str(why), 100)})",
                hint="check this machine's clock, a proxy that opens TLS, and the CA certificates (SSL_CERT_FILE)",
            )
        if isinstance(each, OSError) and each.errno in _TOO_MANY:
            return NotSent(f"{whose} cannot be reached: too many files are open", hint=TooManyFiles.remedy)
    return NotSent(
        f"{whose} cannot be reached ({type(error).__name__})",
        hint="check network, DNS, the clock (TLS) and bot.api_url" if whose == "Telegram" else None,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it."""
    seen = 0
    while error is not None and seen < 10:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1


def _host(url: str) -> str:
    try:
        return show(urlsplit(url).hostname or "the server", 100)
    except ValueError:
        return "the server"
