"""What the GPU tasks of the local stack import, imported once: Airflow's workers are forked from a process that has it.

Each task is a process of its own, and to import torch and diffusers takes it several seconds of CPU. Neither starts a
thread when it is imported, nor touches a device, so forking is safe. DuckDB and pyarrow do start threads: tasks import
them themselves.
"""

from importlib import import_module

from carlos_tasks.device.torchvision_cpu import declare_missing_operators

MODULES = (
    "torch",
    "open_clip",
    "peft",
    "transformers",
    "diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl",
)

declare_missing_operators()
for _module in MODULES:
    import_module(_module)
