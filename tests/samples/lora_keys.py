"""Key layouts of LoRAs for FLUX, Qwen-Image and Anima, as key → shape: a few blocks of each model, full widths."""

from collections.abc import Iterator

Shapes = dict[str, list[int]]
Sizes = dict[str, tuple[int, int]]  # module: inputs, rows

WIDTH, CLIP, T5 = 3072, 768, 4096
DOUBLE_BLOCKS, SINGLE_BLOCKS, TEXT_LAYERS = 2, 3, 2

# FLUX with the names of its authors.
_ATTENTION: Sizes = {
    f"{side}_{module}": size
    for side in ("img", "txt")
    for module, size in {
        "attn.proj": (WIDTH, WIDTH),
        "attn.qkv": (WIDTH, 3 * WIDTH),
        "mlp.0": (WIDTH, 4 * WIDTH),
        "mlp.2": (4 * WIDTH, WIDTH),
    }.items()
}
_LINEAR: Sizes = {"linear1": (WIDTH, 7 * WIDTH), "linear2": (5 * WIDTH, WIDTH)}
_MODULATED: Sizes = {f"{side}_mod.lin": (WIDTH, 6 * WIDTH) for side in ("img", "txt")}

# FLUX with the names of diffusers.
_JOINT_ATTENTION: Sizes = {
    f"attn.{name}": (WIDTH, WIDTH)
    for name in ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
}
_JOINT_REST: Sizes = {
    "ff.net.0.proj": (WIDTH, 4 * WIDTH),
    "ff.net.2": (4 * WIDTH, WIDTH),
    "ff_context.net.0.proj": (WIDTH, 4 * WIDTH),
    "ff_context.net.2": (4 * WIDTH, WIDTH),
    "norm1.linear": (WIDTH, 6 * WIDTH),
    "norm1_context.linear": (WIDTH, 6 * WIDTH),
}
_SINGLE_ATTENTION: Sizes = {f"attn.{name}": (WIDTH, WIDTH) for name in ("to_q", "to_k", "to_v")}
_SINGLE_REST: Sizes = {
    "norm.linear": (WIDTH, 3 * WIDTH),
    "proj_mlp": (WIDTH, 4 * WIDTH),
    "proj_out": (5 * WIDTH, WIDTH),
}

_CLIP_TEXT: Sizes = {
    "mlp_fc1": (CLIP, 4 * CLIP),
    "mlp_fc2": (4 * CLIP, CLIP),
    **{f"self_attn_{name}_proj": (CLIP, CLIP) for name in ("q", "k", "v", "out")},
}
_T5_TEXT: Sizes = {
    **{f"layer_0_SelfAttention_{name}": (T5, T5) for name in "qkvo"},
    "layer_1_DenseReluDense_wi_0": (T5, 10240),
    "layer_1_DenseReluDense_wi_1": (T5, 10240),
    "layer_1_DenseReluDense_wo": (10240, T5),
}


def _blocks(prefix: str, count: int, sizes: Sizes) -> Iterator[tuple[str, int, int]]:
    """Name, inputs and rows of every module of `count` blocks; `prefix` has a place for the number of the block."""
    for number in range(count):
        for module, (inputs, rows) in sizes.items():
            yield prefix.format(number) + module, inputs, rows


def _peft(prefix: str, count: int, sizes: Sizes, rank: int) -> Shapes:
    table: Shapes = {}
    for name, inputs, rows in _blocks(prefix, count, sizes):
        table |= {f"{name}.lora_A.weight": [rank, inputs], f"{name}.lora_B.weight": [rows, rank]}
    return table


def _kohya(prefix: str, count: int, sizes: Sizes, rank: int, is_dora: bool = False) -> Shapes:
    table: Shapes = {}
    for dotted, inputs, rows in _blocks(prefix, count, sizes):
        name = dotted.replace(".", "_")
        table |= {f"{name}.alpha": [], f"{name}.lora_down.weight": [rank, inputs]}
        table |= {f"{name}.lora_up.weight": [rows, rank]}
        if is_dora:
            table[f"{name}.dora_scale"] = [1, inputs]
    return table


def _flux_kohya(rank: int) -> Shapes:
    return _kohya("lora_unet_double_blocks_{}_", DOUBLE_BLOCKS, _ATTENTION | _MODULATED, rank) | _kohya(
        "lora_unet_single_blocks_{}_", SINGLE_BLOCKS, _LINEAR | {"modulation.lin": (WIDTH, 3 * WIDTH)}, rank
    )


def _text(prefix: str, sizes: Sizes, rank: int, is_dora: bool = False) -> Shapes:
    return _kohya(prefix, TEXT_LAYERS, sizes, rank, is_dora)


def _xlabs(rank: int) -> Shapes:
    table: Shapes = {}
    for number in range(DOUBLE_BLOCKS):
        for side in (1, 2):  # of the picture, of the text
            for module, rows in (("proj", WIDTH), ("qkv", 3 * WIDTH)):
                name = f"double_blocks.{number}.processor.{module}_lora{side}"
                table |= {f"{name}.down.weight": [rank, WIDTH], f"{name}.up.weight": [rows, rank]}
    return table


def _lokr(modules: dict[str, tuple[list[int], list[int]]]) -> Shapes:
    """Whole factors of Kronecker products, by module."""
    table: Shapes = {}
    for name, (first, second) in modules.items():
        table |= {f"{name}.lokr_w1": first, f"{name}.lokr_w2": second, f"{name}.alpha": []}
    return table


_BFL, _QWEN, _ANIMA = (
    "diffusion_model.double_blocks.0.",
    "lora_unet_transformer_blocks_3_",
    "diffusion_model.blocks.5.",
)

TABLES: dict[str, Shapes] = {
    "flux_lora_kohya_format": _flux_kohya(rank=8),
    "flux_lora_kohya_with_te1_format": _flux_kohya(rank=6)
    | _text("lora_te1_text_model_encoder_layers_{}_", _CLIP_TEXT, rank=6),
    "flux_lora_aitoolkit_format": _peft("diffusion_model.double_blocks.{}.", DOUBLE_BLOCKS, _ATTENTION, rank=12)
    | _peft("diffusion_model.single_blocks.{}.", SINGLE_BLOCKS, _LINEAR, rank=12),
    "flux_lora_diffusers_format": _peft(
        "transformer.transformer_blocks.{}.", DOUBLE_BLOCKS, _JOINT_ATTENTION | _JOINT_REST, rank=10
    )
    | _peft("transformer.single_transformer_blocks.{}.", SINGLE_BLOCKS, _SINGLE_ATTENTION | _SINGLE_REST, rank=10),
    "flux_lora_xlabs_format": _xlabs(rank=5),
    "flux_dora_onetrainer_format": _kohya(
        "lora_transformer_transformer_blocks_{}_", DOUBLE_BLOCKS, _JOINT_ATTENTION, rank=3, is_dora=True
    )
    | _kohya("lora_transformer_single_transformer_blocks_{}_", SINGLE_BLOCKS, _SINGLE_ATTENTION, 3, is_dora=True)
    | _text("lora_te1_text_model_encoder_layers_{}_", _CLIP_TEXT, rank=3, is_dora=True)
    | _text("lora_te2_encoder_block_{}_", _T5_TEXT, rank=3, is_dora=True),
    "flux_lokr_bfl_format": _lokr(  # whose products have none of FLUX's sizes
        {
            _BFL + "img_attn.proj": ([16, 48], [16, 16]),
            _BFL + "img_attn.qkv": ([16, 48], [16, 144]),
            _BFL + "img_mlp.0": ([16, 48], [16, 64]),
        }
    ),
    "flux_lokr_bfl_whole_format": _lokr(
        {
            _BFL + "img_attn.proj": ([32, 32], [96, 96]),
            _BFL + "img_attn.qkv": ([96, 32], [96, 96]),
            _BFL + "img_mlp.2": ([32, 128], [96, 96]),
        }
    ),
    "qwen_image_lora_kohya_format": _lokr(  # a matrix product of the factors would fit, theirs does not
        {
            _QWEN + "attn_to_k": ([3072, 8], [8, 3072]),
            _QWEN + "attn_to_out_0": ([3072, 8], [8, 3072]),
            _QWEN + "img_mlp_net_0_proj": ([12288, 8], [8, 3072]),
            _QWEN + "txt_mlp_net_2": ([3072, 8], [8, 12288]),
        }
    ),
    "anima_lora_lokr_format": _lokr(
        {
            _ANIMA + "cross_attn.q_proj": ([2048, 4], [4, 2048]),
            _ANIMA + "self_attn.k_proj": ([2048, 4], [4, 2048]),
        }
    )
    | {f"{_ANIMA}cross_attn.q_proj.dora_scale": [2048]},  # shorter than the product's 8,192 rows
}
