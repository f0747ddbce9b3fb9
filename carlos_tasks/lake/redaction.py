"""Texts without the secrets in them: passwords of PostgreSQL, keys and tokens of object storage, in every form."""

import os
import re
from urllib.parse import quote, quote_plus

_NAMES = (
    r"(?:[\w-]*(?:password|passwd|passfile|secret|session[_-]?token|security[_-]token|access[_-]key)[\w-]*|pwd|token)"
)
# A quote may be doubled, where the text stands in a statement; an end that is cut off is struck with the rest. Without
# quotes a value goes on to the next space, whatever signs are in it.
_VALUE = r"""(?:''(?:[^'\\]|\\.)*''|'(?:[^'\\\n]|\\.|'')*'(?=[\s"'),;&}]|$)|'[^"\n]*|"(?:[^"\\\n]|\\.)*"?|\S+)"""
_NAMED = re.compile(rf"""({_NAMES}["']?)(\s*(?:=>|:=|=|%3D|:)\s*|\s+(?=['"]))({_VALUE})""", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^\s/]*@")
_SIGNATURE = re.compile(
    r"((?:X-Amz-(?:Signature|Credential)|Signature|AWSAccessKeyId)(?:=|%3D))[^&\s'\"]+", re.IGNORECASE
)
_SECRET_VARIABLE = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY", re.IGNORECASE)
#: A shorter value could be a word of the text itself.
_SHORTEST_SECRET = 6


def redact(text: str) -> str:
    """Strike secrets: by the name before them, by their place in a URL, and those of the environment wherever."""
    text = _URL_PASSWORD.sub(r"\1:***@", text)
    text = _NAMED.sub(r"\1\2***", text)
    text = _SIGNATURE.sub(r"\1***", text)
    for secret in _secrets_of_the_environment():
        text = text.replace(secret, "***")
    return text


def _secrets_of_the_environment() -> set[str]:
    """The values of variables that are named as secrets (PGPASSWORD, AWS_SECRET_ACCESS_KEY), as URLs hold them too."""
    values = {value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)}
    long = {value for value in values if len(value) >= _SHORTEST_SECRET and not os.path.exists(value)}
    return long | {quote(value, safe="") for value in long} | {quote_plus(value) for value in long}
