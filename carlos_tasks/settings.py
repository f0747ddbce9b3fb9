"""The settings of one deployment, read from the environment (`CARLOS_…`) and validated once.

What fixes an image or an embedding is not here but in a profile (`carlos_tasks.profiles.profile`): settings say where
things lie and how much runs at once, and no setting changes a result. Credentials are not here either: boto3 and
libpq read theirs from the environment.
"""

import logging
import os
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from carlos_tasks.errors import SettingsError
from carlos_tasks.untrusted.source_uri import check_source_uri

#: Variables of ours that are no settings: the local stack tells them to its own commands (`carlos_tasks.stack.local`).
_READ_ELSEWHERE = frozenset({"LOCAL_STACK"})
_PREFIX = "CARLOS_"
log = logging.getLogger(__name__)


class Settings(BaseModel):
    """Where the lake lies, what is indexed with which profile, and how much at once.

    What is not given comes from the environment, where a variable's name may be written in any case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    store: str = Field(
        "var/store", description="Object storage: a folder, or `s3://bucket/prefix`. All but the catalog lies in it."
    )
    catalog: str = Field(
        "sqlite:var/catalog.sqlite",
        description="DuckLake's catalog: `sqlite:FILE` for one machine, `postgres:LIBPQ-STRING` for production.",
    )
    profile: str = Field(
        "micro", description="The profile that is asked and indexed (docs/profiles.md): a name, or the path of a file."
    )
    profiles: str = Field(
        "",
        description="All profiles that are indexed (docs/profiles.md), with spaces between: `sd15 noobai flux-dev`. "
        "That of `CARLOS_PROFILE` is always among them. Empty: that one alone.",
    )
    policy: str = Field(
        "",
        description="Policy to score LoRAs with (docs/moderation.md#policies-and-concepts). Empty: the profile's.",
    )
    sources: str = Field(
        "",
        description="The sources that the nightly index polls, with spaces between, for example "
        "`civitai-dump:s3://bucket/prefix hub:https://huggingface.co?filter=lora`. A URI (docs/sources.md) holds no "
        "`!`, no credentials, and at most 160 characters; a folder is made absolute.",
    )
    references: str = Field(
        "",
        description="Reference sets that every commit is held against (docs/moderation.md#attribution-to-a-reference), "
        "with spaces between: folders or `s3://` prefixes.",
    )
    backup: str = Field(
        "",
        description="Where `care_for_lake` backs the lake up every week (docs/operations.md#caring-for-it): a folder, "
        "or `s3://bucket/prefix`, outside of the store. Empty: it does not.",
    )
    device: str = Field(
        "auto", description="Device of generation and embedding: `cuda`, `cpu`, or `auto`: CUDA if it is there."
    )
    images_per_step: int = Field(
        0,
        ge=0,
        description="Images that are drawn together. 0: 8; on a CPU up to 20, as long as they have 8 megapixels "
        "together. It is halved by itself when memory runs out.",
    )
    threads: int = Field(
        0,
        ge=0,
        description="Threads that generation and embedding compute with on a CPU. 0: `OMP_NUM_THREADS` if that is set, "
        "else the cores, divided among the processes that measure on this machine.",
    )
    loras_per_batch: int = Field(
        4, ge=1, description="LoRAs that one task of Airflow indexes; more where a night had more than 1,000 tasks."
    )
    task_minutes: int = Field(
        60, ge=1, description="Minutes that a task on the device may take; what does not fit goes on in the next try."
    )
    budget: Literal["settled", "first look", "all"] = Field(
        "settled",
        description="How many pairs a LoRA gets where its profile has a budget (docs/method.md#budget): until it is "
        "`settled`, to the `first look` and no further, or `all`.",
    )
    refine_per_night: int = Field(
        100, ge=0, description="LoRAs that a night measures further, after what is new (docs/method.md#budget)."
    )
    evidence_pairs: int = Field(6, ge=0, description="Pairs per LoRA whose pictures are kept, as WebP.")
    gpu_queue: str = Field("", description="Celery queue of the GPU tasks. Empty: the executor's default queue.")
    retry_delay_s: int = Field(
        30, ge=0, description="Seconds before a failed task is tried again. It doubles with every try."
    )
    signing_key: str = Field(
        "",
        description="File of the deployment's private key, made by `carlos keys new`: entries of the chain are signed "
        "with it (docs/moderation.md#keys). Empty: they are recorded, not signed.",
    )
    timestamp_url: str = Field(
        "",
        description="Authority (RFC 3161) that stamps the head of the chain after each decision, for example "
        "`https://freetsa.org/tsr`; needs the extra `timestamps`. Empty: nothing is stamped.",
    )
    timestamp_roots: str = Field(
        "", description="File with the authority's root certificates, PEM. Empty: its signature is not checked."
    )
    max_file_mb: int = Field(4096, ge=1, description="A LoRA file above this size is refused.")

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        variables = {name.upper(): value for name, value in os.environ.items()}
        names = {field: _PREFIX + field.upper() for field in cls.model_fields}
        return {field: variables[name] for field, name in names.items() if name in variables} | given

    @field_validator("store", "backup")
    @classmethod
    def _is_a_place(cls, value: str, asked: ValidationInfo) -> str:
        return _place(value) if value.strip() or asked.field_name == "store" else ""

    @field_validator("profile", "device")
    @classmethod
    def _is_not_empty(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it is empty; leave it away for the default")
        return value.strip()

    @field_validator("policy")
    @classmethod
    def _policy_is_absolute(cls, value: str) -> str:
        return value if not value or value.startswith("package:") else str(Path(value).absolute())

    @field_validator("signing_key", "timestamp_roots")
    @classmethod
    def _file_is_absolute(cls, value: str) -> str:
        return str(Path(value).absolute()) if value else value

    @field_validator("timestamp_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("write the address of an authority: https://HOST/PATH")
        return value

    @field_validator("sources")
    @classmethod
    def _sources_can_be_named(cls, value: str) -> str:
        uris = dict.fromkeys(_absolute(uri) for uri in value.split())
        for uri in uris:
            check_source_uri(uri)
        return " ".join(uris)

    @field_validator("references")
    @classmethod
    def _references_are_absolute(cls, value: str) -> str:
        return " ".join(dict.fromkeys(map(_place, value.split())))

    @property
    def profile_names(self) -> tuple[str, ...]:
        """The profiles that are indexed, once each, first the one that questions are asked of."""
        return tuple(dict.fromkeys([self.profile, *self.profiles.split()]))

    def of_profile(self, name: str) -> "Settings":
        """These settings for what is done with one profile after the other: that one is asked."""
        return self.model_copy(update={"profile": name, "profiles": " ".join(self.profile_names)})

    @property
    def reference_places(self) -> tuple[str, ...]:
        """Where each reference set lies, once."""
        return tuple(self.references.split())

    @property
    def source_uris(self) -> tuple[str, ...]:
        """The URI of each source, once."""
        return tuple(self.sources.split())

    @field_validator("catalog")
    @classmethod
    def _catalog_has_a_kind(cls, value: str) -> str:
        kind, _, rest = (part.strip() for part in value.partition(":"))
        if kind not in {"sqlite", "postgres"} or not rest or (kind == "sqlite" and rest.endswith("/")):
            raise ValueError("write sqlite:FILE or postgres:LIBPQ-STRING")
        return f"sqlite:{Path(rest).absolute()}" if kind == "sqlite" else value


def _place(text: str) -> str:
    """A folder, made absolute, or s3://bucket/prefix; ValueError for what is neither: no folder `s3:` is ever made."""
    place = text.strip()
    scheme, colon, rest = place.partition(":")
    if colon and (rest.startswith("//") or scheme.lower() in {"s3", "file"}):
        bucket = rest.removeprefix("//").partition("/")[0]
        if scheme != "s3" or not rest.startswith("//") or not bucket or "@" in bucket or "?" in rest or "#" in rest:
            raise ValueError(f"{place!r} is no place; write a folder or s3://bucket/prefix")
        return place.rstrip("/")
    if not place or not place.isprintable():
        raise ValueError("write a folder or s3://bucket/prefix")
    return str(Path(place).absolute())


def _absolute(source_uri: str) -> str:
    """Make the folder that a source names absolute: a worker may run elsewhere."""
    kind, _, where = source_uri.partition(":")
    is_folder = kind in {"folder", "civitai-dump"} and where and "://" not in where
    return f"{kind}:{Path(where).absolute()}" if is_folder else source_uri


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """Say of each variable `CARLOS_…` that no setting is read from it, and which setting it may mean."""
    known = {name.upper() for name in Settings.model_fields}
    lines = []
    for name in sorted(name for name in environment if name.upper().startswith(_PREFIX)):
        field = name.upper().removeprefix(_PREFIX)
        if field not in known | _READ_ELSEWHERE:
            near = get_close_matches(field, known, n=1)
            meant = f": is {_PREFIX}{near[0]} meant?" if near else " (docs/operations.md lists every setting)"
            lines.append(f"{name} is no setting of CARLoS{meant}")
    return lines


@cache
def load_settings() -> Settings:
    """Read the environment once; a variable `CARLOS_…` that is no setting gets a line in the log.

    It is no error: the environment of Airflow or of a container may carry some for others.

    Raises:
        SettingsError: a variable has a wrong value; the message names the variable and what is wrong with it.
    """
    for line in unknown_variables(os.environ):
        log.warning("%s", line)
    try:
        return Settings()
    except ValidationError as exc:
        faults = "; ".join(f"CARLOS_{str(e['loc'][0]).upper()}: {e['msg']}" for e in exc.errors())
        raise SettingsError(f"{faults} (docs/operations.md lists every setting)") from exc
