"""Prompt sets: files addressed by URI and content."""

from functools import cache

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from carlos_tasks.errors import ProfileMismatch
from carlos_tasks.profiles.resources import read_file


class Frozen(BaseModel):
    """Part of a profile: it never changes, and knows its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptFile(Frozen):
    """A prompt set addressed by URI and content."""

    uri: str
    sha256: str


class Prompt(Frozen):
    """One prompt of a set; `prompt_id` is what images and embeddings are keyed by."""

    prompt_id: str
    category: str
    subcategory: str
    text: str


class PromptSet(Frozen):
    """A named list of prompts with distinct ids."""

    prompt_set: str
    prompts: tuple[Prompt, ...] = Field(min_length=1)


# The layout of the prompts that the paper's authors published: texts by use, category and subcategory.
_PUBLISHED = TypeAdapter(dict[str, dict[str, dict[str, list[str]]]])


@cache
def load_prompts(file: PromptFile) -> PromptSet:
    """Read a prompt set, checked against its digest.

    Raises:
        ProfileMismatch: the file is not the one the profile names, is no prompt set, or repeats an id.
    """
    try:
        data = read_file(file.uri, file.sha256)
        is_published = file.uri.startswith("published:")
        prompt_set = published_indexing_prompts(data) if is_published else PromptSet.model_validate_json(data)
    except ValidationError as exc:
        raise ProfileMismatch(f"{file.uri} is no prompt set: {exc.errors()[0]['msg']}") from exc
    ids = [prompt.prompt_id for prompt in prompt_set.prompts]
    if len(set(ids)) != len(ids):
        raise ProfileMismatch(f"{file.uri} uses a prompt_id twice")
    return prompt_set


def published_indexing_prompts(data: bytes) -> PromptSet:
    """The prompts of a published file that images are made with, numbered in its order: p-i-001, p-i-002.

    Raises:
        ValidationError: it has another layout, or no such prompts.
    """
    uses = _PUBLISHED.validate_json(data)
    listed = [
        (category, subcategory, text)
        for category, subcategories in uses.get("indexing", {}).items()
        for subcategory, texts in subcategories.items()
        for text in texts
    ]
    return PromptSet(
        prompt_set="published-indexing",
        prompts=tuple(
            Prompt(prompt_id=f"p-i-{number:03d}", category=category, subcategory=subcategory, text=text)
            for number, (category, subcategory, text) in enumerate(listed, start=1)
        ),
    )
