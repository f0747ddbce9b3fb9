"""What the tasks of the local stack import and load, once: Airflow's workers are forked from a process that has it.

Each task is a process of its own. To import torch and diffusers takes it several seconds of CPU; what Airflow imports
to parse a DAG file and to load the explorer's plugin, most of a second; to load the models, half a second. Nothing of
that starts a thread with OMP_NUM_THREADS=1, which the stack sets, nor touches a device, so forking is safe. DuckDB and
pyarrow do start threads: tasks import them themselves.
"""

from contextlib import suppress
from importlib import import_module

from carlos_tasks.device.choose import choose_device
from carlos_tasks.device.torchvision_cpu import declare_missing_operators
from carlos_tasks.embedding.image_encoder import load_image_encoder
from carlos_tasks.errors import CarlosError
from carlos_tasks.generation.backbone import load_backbone
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import load_settings

MODULES = (
    "torch",
    "open_clip",
    "lycoris.functional",
    "transformers",
    "diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl",
    "airflow.dag_processing.dagbag",
    "airflow.api_fastapi.core_api.security",
    "carlos_tasks.store.s3",
)


def load_models() -> None:
    """Load the profile's models where they ship with the package and tasks compute on a CPU.

    What fails here fails in the task that needs it, which says so. Models that lie elsewhere may have to be fetched,
    which takes threads; a GPU's memory cannot be forked.
    """
    with suppress(CarlosError):
        identity = load_profile(load_settings().profile).identity
        device = choose_device(load_settings().device)
        is_shipped = all(uri.startswith("package:") for uri in (identity.backbone.uri, identity.encoder.model))
        if device == "cpu" and is_shipped:
            load_backbone(identity, device)
            load_image_encoder(identity.encoder, device)


declare_missing_operators()
for _module in MODULES:
    import_module(_module)
load_models()
