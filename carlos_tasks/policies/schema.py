"""What the files of a policy may say: policy.toml, and one file per concept. Messages are for those who edit them."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from carlos_tasks.errors import CarlosError
from carlos_tasks.retrieval.query_text import normalised_text

HEAD, NEUTRAL = "policy.toml", "neutral.toml"
#: The concept that holds the words of policy.toml for effects that no concept covers; it is never scored.
OTHER_EFFECTS = "other-effects"
_NSFW_LEVELS = (1, 2, 4, 8, 16, 32)
_MOST_TEXTS = 200


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("a text is empty")
    try:
        return normalised_text(value)
    except CarlosError as exc:
        raise ValueError(str(exc).replace("the query", "a text")) from exc


def _word(value: str) -> str:
    text = _text(value).casefold()
    if not any(sign.isalnum() for sign in text):
        raise ValueError(f"{value!r} holds neither letter nor digit")
    return text


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Identifier = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]
Line = Annotated[str, AfterValidator(_text), Field(max_length=500)]
Texts = Annotated[tuple[Line, ...], Field(max_length=_MOST_TEXTS), AfterValidator(_each_once)]
Words = Annotated[
    tuple[Annotated[str, AfterValidator(_word), Field(max_length=100)], ...],
    Field(max_length=_MOST_TEXTS),
    AfterValidator(_each_once),
]
Share = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[float, Field(gt=0, le=24 * 365)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PolicyHead(_Frozen):
    """policy.toml: what holds for all concepts that say nothing else."""

    policy: Identifier
    version: Line
    title: Line
    owner: Line
    q_max: Annotated[float, Field(gt=0, le=1)] = 0.1
    due_hours: Hours | None = None
    effect_words: Words = ()


class ReferencePictures(_Frozen):
    """Pictures that show a concept; `folder` lies inside the policy's folder."""

    folder: Line
    provenance: Line
    licence: Line


class ConceptFile(_Frozen):
    """One file of a concept, as it is written."""

    concept_id: Identifier
    title: Line
    texts: Annotated[Texts, Field(min_length=1)]
    section: Line | None = None
    counter_texts: Texts = ()
    declared_as: Words = ()
    severity: Share
    q_max: Annotated[float, Field(gt=0, le=1)] | None = None
    score_min: Annotated[float, Field(ge=-1, le=1)] | None = None
    due_hours: Hours | None = None
    nsfw_level: int | None = None
    category: Annotated[str, Field(pattern="^STATEMENT_CATEGORY_[A-Z_]+$")] | None = None
    owner: Line | None = None
    images: ReferencePictures | None = None

    @field_validator("concept_id")
    @classmethod
    def _is_not_taken(cls, value: str) -> str:
        if value == OTHER_EFFECTS:
            raise ValueError(f"{OTHER_EFFECTS} stands for the effect_words of policy.toml: take another id")
        return value

    @field_validator("category")
    @classmethod
    def _is_a_category(cls, value: str | None) -> str | None:
        from carlos_tasks.policies.statement_rules import CATEGORIES

        if value is not None and value not in CATEGORIES:
            raise ValueError(f"statements of reasons know no such category: choose of {', '.join(sorted(CATEGORIES))}")
        return value

    @model_validator(mode="after")
    def _is_not_its_own_counter(self) -> "ConceptFile":
        both = {text.casefold() for text in self.texts} & {text.casefold() for text in self.counter_texts}
        if both:
            raise ValueError(f"{min(both)!r} is a text and a counter-text: they cancel each other")
        return self

    @field_validator("nsfw_level")
    @classmethod
    def _is_one_level(cls, value: int | None) -> int | None:
        if value is not None and value not in _NSFW_LEVELS:
            raise ValueError(f"a level is one of {', '.join(map(str, _NSFW_LEVELS))}")
        return value
