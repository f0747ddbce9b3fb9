"""The names of base models: those whose modules are known here, module by module, and two words beside them.

All other names (`claims`, `others.json`) are backbones that are told apart and not attached to.
"""

from collections.abc import Mapping

SD15, SD21, SDXL, SD3 = "sd-1.5", "sd-2.1", "sdxl", "sd-3"
FLUX, QWEN_IMAGE, MICRO_XL = "flux", "qwen-image", "micro-xl"
UNKNOWN = "unknown"

# Data files of the architectures; backbones that share one name differ in depth or width.
DATA_FILES: Mapping[str, tuple[str, ...]] = {
    MICRO_XL: ("micro-xl",),
    SD15: ("sd-1.5",),
    SD21: ("sd-2.1",),
    SDXL: ("sdxl",),
    SD3: ("sd-3-medium", "sd-3.5-medium", "sd-3.5-large"),
    FLUX: ("flux",),
    QWEN_IMAGE: ("qwen-image",),
}
