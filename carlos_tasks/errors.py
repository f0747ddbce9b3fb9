"""Every error that CARLoS raises on purpose.

    CarlosError
    ├── SettingsError        a setting is missing or wrong; the message says which and what to write
    ├── NotFound             an object, LoRA, profile or prompt set that does not exist
    │   └── NothingMeasured  no LoRA of the profile has a Direction yet
    ├── PermanentError       a retry cannot help
    │   ├── RejectedFile     one LoRA file is refused: reason code and detail
    │   ├── IndexingFailed   one LoRA could not be measured: reason code and detail
    │   ├── DamagedObject    an object of the store is not what it should be: fault code and detail
    │   ├── StatementRefused a statement that the gate before the lake lets nobody run
    │   └── ProfileMismatch  data of one profile met another, or a file is not the one a profile names
    └── PassingError         a retry may help: network, storage, memory of a shared device

Airflow retries what is passing, with back-off, and never what is permanent (`dags/`).
"""

from typing import Any


class CarlosError(Exception):
    """Base of all of them: the command line prints its text on one line and exits with 1."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Go from one process to another as it is; by default Python would make it anew from its text alone."""
        return _as_it_was, (type(self), self.args, vars(self))


def _as_it_was(kind: type[CarlosError], args: tuple[Any, ...], facts: dict[str, Any]) -> CarlosError:
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error


class SettingsError(CarlosError):
    """A setting is missing or wrong."""


class NotFound(CarlosError):
    """Something that was asked for by name is not there."""


class NothingMeasured(NotFound):
    """The index is empty so far; a schedule that finds it so has nothing to do."""


class PermanentError(CarlosError):
    """Trying again gives the same answer."""


class PassingError(CarlosError):
    """Trying again later may work."""


class ProfileMismatch(PermanentError):
    """Two things that must belong to one profile do not."""


class StatementRefused(PermanentError):
    """A statement asks for more than to read the lake; the message says for what, and what is allowed."""


class RejectedFile(PermanentError):
    """A LoRA file is refused before it is loaded.

    Args:
        reason: a code of `carlos_tasks.untrusted.reasons.Reason`.
        detail: one sentence for a person, safe to log (no secrets, no control characters).
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class IndexingFailed(PermanentError):
    """One LoRA could not be measured; it becomes a row with a reason, and the night goes on."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DamagedObject(PermanentError):
    """An object of the store is not what it should be; it costs its LoRA alone.

    Args:
        fault: a code of `carlos_tasks.lake.damage.Fault`.
        detail: one sentence for a person.
    """

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail
