"""The ways in which trainers name the tensors of a LoRA file: how a name ends, whatever module it is for."""

from enum import StrEnum


class Style(StrEnum):
    """How a tensor's name ends."""

    __hash__ = str.__hash__  # Enum's is written in Python, and the tensors of a file ask for it thousands of times

    PEFT_NAMES = "lora_A/lora_B"
    OLD_DIFFUSERS = "lora.down/lora.up"
    KOHYA = "lora_down/lora_up"
    ATTENTION_PROCESSOR = "_lora.down/_lora.up"
    XLABS = "_lora1.down/_lora1.up"
    NUMBERED = "unet:0:down"
    ALPHA = "alpha"
    DORA = "dora_scale"
    TUCKER = "lora_mid"
    LOHA = "hada"
    LOKR = "lokr"
    IA3 = "on_input"
    OFT = "oft"
    GLORA = "a1/b1"
    FULL = "diff"
    BIAS = "diff_b"
    EMBEDDING = "embedding"
    WEIGHT = "weight"
    OTHER = "other"
