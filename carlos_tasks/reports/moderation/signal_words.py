"""What signals, refusals and steps are called on a page, and what each signal means, in plain words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of signal: its title, and what it says and does not say."""

    title: str
    means: str


SIGNALS = {
    "shown_concept": Kind(
        "Shows a restricted concept",
        "The Direction is nearer to a concept of the policy than chance allows, corrected for all tests of its run.",
    ),
    "declared_other": Kind(
        "Does something other than it declares",
        "Name or tags declare an effect that is not seen, and another effect is seen, or none.",
    ),
    "understated_nsfw": Kind(
        "Rated lower than what it shows",
        "It shows a concept whose rating is above the one that the listing gives.",
    ),
    "other_base_model": Kind(
        "Names another base model",
        "The listing names a base model that the file's tensors do not fit.",
    ),
    "base_model_contradicted": Kind(
        "Metadata and keys disagree",
        "The file's own metadata name a base model that its tensors do not fit.",
    ),
    "unknown_base_model": Kind(
        "Names a base model that is not known",
        "The words of the listing or of the file's header are in no table here, so nobody compared them with its keys.",
    ),
    "scale_unknown": Kind(
        "Scale not known",
        "By how much its weights were multiplied in training is not known, so its Strength may not be its author's.",
    ),
    "overpowering": Kind("Overpowers the prompt", "So strong that little of what the prompt asks for is left."),
    "degenerate": Kind(
        "Broken pictures",
        "Its pictures are black, constant or not numbers, or its Direction is shared by unrelated files.",
    ),
    "removed_duplicate": Kind(
        "Like one that was removed",
        "The same file, the same or near weights, or the same effect as a LoRA that was taken down here or at its "
        "source. Trained alike is a guess by the weights, until both have been measured.",
    ),
    "changed_version": Kind(
        "Changed between versions", "A new version of one model does something clearly different from the one before."
    ),
    "trigger_words": Kind(
        "Effect carried by trigger words", "Without its trigger words, it does much less or nothing."
    ),
    "notice": Kind("Complaint from outside", "Somebody sent a notice about it."),
}


def signal_kind(signal: str) -> Kind:
    """What a signal is called; one that is new here goes by its own name."""
    return SIGNALS.get(signal) or Kind(signal.replace("_", " ").capitalize(), "")
