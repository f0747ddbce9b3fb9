"""Which answers of a storage server and which errors of a file system pass: told by their numbers.

Both stores and the lake ask here, so that one fault means the same whoever meets it.
"""

import errno
import os

#: HTTP statuses below 500 that a retry may help: the server gave up waiting, a conflict that ends, too early, too many.
_PASSING_STATUSES = {408, 409, 425, 429}
#: What S3 says with another status and means for now only.
_PASSING_CODES = {
    "BadDigest",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "TooManyRequests",
}
#: Errors of a file system that the same call never gets over. Every other one may pass: a full disk, a network file
#: system whose server is away, too many open files.
_LASTING_ERRNOS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.EINVAL,
    errno.ELOOP,
    errno.EFBIG,
}
#: Errors of the way to a disk or a server, as the C library puts them into words: where only words are left of a code.
PASSING_WORDS = tuple(
    os.strerror(number)
    for number in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ESTALE,
        errno.EAGAIN,
        errno.EBUSY,
        errno.ENOMEM,
        errno.ETIMEDOUT,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EPIPE,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EREMOTEIO,
    )
)


def is_passing_answer(status: int, code: str = "") -> bool:
    """Tell whether a retry may help after this HTTP status, and the server's own word for the error (`SlowDown`)."""
    return status == 0 or status >= 500 or status in _PASSING_STATUSES or code in _PASSING_CODES or "Throttl" in code


def is_passing_errno(number: int | None) -> bool:
    """Tell whether a retry may help after this error of the operating system."""
    return number not in _LASTING_ERRNOS
