"""How a file calls a module, taken apart: what trainers put in front of a name, and the name itself.

`lora_unet_down_blocks_1_attentions_0_proj_in` (kohya), `unet.down_blocks.1.attentions.0.proj_in` (diffusers) and
`base_model.model.down_blocks.1.attentions.0.proj_in` (PEFT) are one module: the prefixes go, "." becomes "_". What is
left is looked up in the names of a backbone's modules, in whichever naming (`module_names`).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

DENOISER = ("unet", "transformer")
_FIRST, _SECOND = ("text_encoder",), ("text_encoder_2",)
_T5 = ("text_encoder_3", "text_encoder_2")  # SD 3 has it as its third text encoder, FLUX as its second

#: What may stand in front of a module's name, any number of times, and the components that it leaves.
PREFIXES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("base_model", "model", "module", "_orig_mod", "lora", "lycoris", "net", "dit"), ()),
    **dict.fromkeys(("unet", "diffusion_model"), DENOISER),
    **dict.fromkeys(("te", "te1", "text_encoder", "text_encoder_one", "clip_l", "clip_h", "cond_stage_model"), _FIRST),
    "conditioner.embedders.0": _FIRST,
    **dict.fromkeys(("te2", "text_encoder_2", "text_encoder_two", "clip_g"), _SECOND),
    **dict.fromkeys(("te3", "text_encoder_3", "text_encoder_three", "t5xxl", "t5"), _T5),
    "text_encoders": (),
}
# `transformer` is a prefix, a word of Transformers' wrappers, and a part of the name `transformer_blocks`.
_TRANSFORMER = r"transformer(?:\.|_(?!blocks[._]|layers[._]))"
_WORDS = "|".join(re.escape(word) for word in sorted(PREFIXES, key=len, reverse=True))
_PREFIX = re.compile(rf"(?:({_WORDS})[._]|{_TRANSFORMER})")
_NUMBER = re.compile(r"(?:(?<=_)|^)\d+(?=_|$)")


class FileName(NamedTuple):
    """A module's name without its prefixes.

    `components`: those that the prefixes leave, empty for any. `core`: the name, flattened. `pattern`: the same with
    "#" for each number; `block` is the first number, -1 for none.
    """

    components: tuple[str, ...]
    core: str
    pattern: str
    block: int


@lru_cache(maxsize=2**15)  # all files of a trainer share their names
def read_name(name: str) -> FileName:
    """Take the name of a module apart.

    >>> read_name("lora_te2_text_model_encoder_layers_3_mlp_fc1") FileName(components=('text_encoder_2',),
    core='encoder_layers_3_mlp_fc1', pattern='encoder_layers_#_mlp_fc1', block=3)
    """
    components: tuple[str, ...] = ()
    place = 0
    while found := _PREFIX.match(name, place):
        components = components or (PREFIXES[found[1]] if found[1] else DENOISER)
        place = found.end()
    # One of the CLIP classes of Transformers 5 has dropped this word, and files go on to say it.
    core = name[place:].replace(".", "_").removeprefix("text_model_")
    number = _NUMBER.search(core)
    return FileName(components, core, _NUMBER.sub("#", core), int(number[0][:6]) if number else -1)
