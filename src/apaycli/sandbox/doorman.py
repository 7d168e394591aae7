"""Who may talk to the sandbox: programs on this machine, and pages that came from the sandbox itself.

Knows the headers by which a browser tells where a request comes from. Must never know what is asked for.

The sandbox gives money away to any program of this machine, but a web page is a stranger that runs on this machine:

* A page whose own name was pointed at 127.0.0.1 (DNS rebinding) reads what it likes. Its requests carry that name as
  `Host`, so a `Host` that is not ours is refused. The port is not compared: behind a forwarded port it is another.
* Any other page can send a POST without reading the reply. A browser adds an `Origin`, which is ours only if it is
  where the request went to: `http://` and the `Host`. `Origin: null` (a sandboxed frame, a file) is nobody's.
* A request that needs no `Origin` (an image, a link) says `Sec-Fetch-Site`: ours are `same-origin` and `none`, which is
  an address that was typed.

Programs send neither `Origin` nor `Sec-Fetch-Site`, and those of HTTP/1.0 may leave out `Host`: no browser does.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
OWN_SITES = frozenset({"same-origin", "none"})
SHOWN_LETTERS_MAX = 80


def complaint(bound_to: str, hosts: Sequence[str], origins: Sequence[str], sites: Sequence[str]) -> str:
    """Why a request with these headers is refused, or "". Each header is given as often as it was sent."""
    for host in hosts:
        if name_of(host) not in OWN_NAMES | {bound_to.lower()}:
            return f"this sandbox is not {host[:SHOWN_LETTERS_MAX]!r}: use http://127.0.0.1 and its port"
    own = {f"http://{host.lower()}" for host in hosts}
    for origin in origins:
        if origin.lower() not in own:
            return f"this sandbox takes no requests from pages of {origin[:SHOWN_LETTERS_MAX]!r}"
    if any(site.lower() not in OWN_SITES for site in sites):
        return "this sandbox takes no requests from pages of other sites"
    return ""


def name_of(host: str) -> str:
    """The name in a `Host` header, without its port; "" for what is none."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return ""
    written = f"[{name}]" if ":" in name else name
    is_plain = host.lower() in (written, f"{written}:{parts.port}")
    return name.removesuffix(".") if is_plain else ""
