"""One signed POST to the merchant's own address.

Knows how to send a body once and what counts as taken: a 2xx in time, nothing else. Never knows what the
body says. The address is named in the config; nothing in an update can choose it, redirects are not followed.
"""

import aiohttp

_ANSWER_BYTES_MAX = 4096


async def post_once(url: str, headers: dict[str, str], body: bytes, limit_seconds: float) -> str | None:
    """None when it was taken; else why not, in a few words."""
    timeout = aiohttp.ClientTimeout(total=limit_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            said = await response.content.read(_ANSWER_BYTES_MAX)
            if 200 <= response.status < 300:
                return None
            return f"HTTP {response.status}: {said.decode('utf-8', 'replace')}"
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        return type(error).__name__
