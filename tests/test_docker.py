"""The deployment in docker/: there is no engine to run it here, so what can be read is checked."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from carlos_tasks.settings import Settings
from tests.wheel import build_wheel

REPOSITORY = Path(__file__).parents[1]
DOCKER = REPOSITORY / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


def check_by_the_specification(path: Path) -> subprocess.CompletedProcess[str]:
    """Hold a compose file against the JSON schema of the compose specification, which check-jsonschema carries."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def airflow_files() -> Path:
    spec = find_spec("airflow")
    if spec is None or spec.origin is None:
        pytest.skip("Airflow is not installed (extra `airflow`)")
    return Path(spec.origin).parent


def environment() -> dict[str, str]:
    """The variables of all services, interpolation left as it is."""
    return {name: value for service in SERVICES.values() for name, value in service.get("environment", {}).items()}


def test_the_file_keeps_the_compose_specification():
    checked = check_by_the_specification(DOCKER / "compose.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("    healthcheck:", "    health_check:", "'health_check'"),
        ("condition: service_healthy", "condition: healthy", "'healthy' is not one of"),
        ("      retries: 20", "      retries: [20]", "[20] is not of type"),
        ("\nvolumes:\n", "\nvolume:\n", "'volume'"),
    ],
)
def test_a_file_that_breaks_the_specification_is_told(right, wrong, fault, tmp_path):
    text = (DOCKER / "compose.yaml").read_text()
    assert right in text
    (tmp_path / "compose.yaml").write_text(text.replace(right, wrong, 1))
    checked = check_by_the_specification(tmp_path / "compose.yaml")
    assert checked.returncode == 1 and fault in checked.stdout, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_its_image_and_whether_it_starts_again(name):
    service = SERVICES[name]
    assert {"image"} <= set(service)
    assert service.get("restart") in {"unless-stopped", "no"}
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_services_that_exist(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if how["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"


def test_volumes_are_declared_and_files_are_there():
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount for mount in mounts if not mount.startswith(".")}
    assert named == set(COMPOSE["volumes"])
    assert all((DOCKER / mount).is_file() for mount in mounts if mount.startswith("."))


def test_no_image_names_a_host():
    images = [service["image"] for service in SERVICES.values()]
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert not [image for image in images + bases if "." in image.partition("/")[0].partition(":")[0]]


def test_every_secret_is_asked_for_and_none_is_written_down():
    text = (DOCKER / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))
    example = re.findall(r"^([A-Z0-9_]+)=(.*)$", (DOCKER / ".env.example").read_text(), re.MULTILINE)
    assert asked == {name for name, _ in example}
    assert {value for _, value in example} == {""}
    secret = re.compile(r"PASSWORD$|SECRET|ACCESS_KEY|FERNET_KEY|AUTH_KEY")
    assert not [name for name, value in environment().items() if secret.search(name) and "${" not in value]
    assert not [value for value in environment().values() if re.search(r"://[^/@]*:[^/@]+@", value)]


def test_every_setting_exists():
    known = {f"CARLOS_{name.upper()}" for name in Settings.model_fields}
    used = {name for name in environment() if name.startswith("CARLOS_")}
    assert {"CARLOS_STORE", "CARLOS_CATALOG", "CARLOS_SOURCES", "CARLOS_PROFILE"} <= used <= known


def test_the_settings_are_accepted():
    values = {
        name.removeprefix("CARLOS_").lower(): v for name, v in environment().items() if name.startswith("CARLOS_")
    }
    settings = Settings.model_validate({name: value for name, value in values.items() if "${" not in value})
    assert settings.gpu_queue == "gpu"


def test_every_airflow_option_exists():
    airflow = airflow_files()
    core = yaml.safe_load((airflow / "config_templates" / "config.yml").read_text())
    celery = runpy.run_path(str(airflow / "providers" / "celery" / "get_provider_info.py"))["get_provider_info"]()
    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for sections in (core, celery["config"])
        for section, content in sections.items()
        for option in content["options"]
    }
    in_image = re.findall(r"AIRFLOW__[A-Z_]+", DOCKERFILE)
    used = {name for name in [*environment(), *in_image] if name.startswith("AIRFLOW__")}
    assert len(used) > 10
    assert used - known == set()


def test_gpu_workers_listen_to_the_queue_that_gpu_tasks_are_sent_to():
    def queue(service: str) -> str:
        command = SERVICES[service]["command"]
        return str(command[command.index("--queues") + 1])

    assert queue("worker-gpu") == environment()["CARLOS_GPU_QUEUE"]
    assert queue("worker") == "default"
    assert set(json.loads((REPOSITORY / "dags" / "pools.json").read_text())) == {"gpu", "lake_commit"}


def test_images_are_stages_of_the_dockerfile():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE))
    builds = [service["build"] for service in SERVICES.values() if "build" in service]
    assert {build["target"] for build in builds} == {"airflow", "gpu-worker"} <= stages
    for build in builds:
        assert (DOCKER / build["context"]).resolve() == REPOSITORY
        assert (REPOSITORY / build["dockerfile"]).is_file()


def test_what_the_images_copy_is_there_and_is_not_ignored():
    sources = {source for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]}
    assert {"carlos_tasks", "sql", "dags", "plugins"} <= sources
    assert not [source for source in sources if not (REPOSITORY / source).exists()]
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignore[0] == "*"
    assert {source.split("/")[0] for source in sources} <= {line.removeprefix("!") for line in ignore}


@pytest.mark.parametrize("stage", ["airflow", "gpu-worker"])
def test_the_layer_of_dependencies_is_built_from_what_was_copied_before_it(stage, tmp_path):
    """Our code comes in a later layer: pip has to find a version and a package to build all the same."""
    of_stage = re.split(r"^FROM .*\n", DOCKERFILE, flags=re.MULTILINE)
    names = re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE)
    before = of_stage[1 + names.index(stage)].partition("RUN mkdir sql && pip install")[0]
    for line in re.findall(r"^COPY (.+)$", of_stage[1 + names.index("base")] + before, re.MULTILINE):
        *sources, target = line.split()
        (tmp_path / target).mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copy(REPOSITORY / source, tmp_path / target)
    (tmp_path / "sql").mkdir()
    assert build_wheel(tmp_path / "out", tmp_path).name.startswith("carlos_platform-")


def test_images_install_extras_that_exist():
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {extra for group in re.findall(r'"\.\[([a-z,]+)\]"', DOCKERFILE) for extra in group.split(",")}
    assert asked == {"airflow", "index", "evaluation", "reports"} <= set(extras)


def test_the_executor_of_the_deployment_can_be_imported(tmp_path):
    """The Celery provider reaches into Celery, and a newer Celery has broken that before."""
    airflow_files()
    code = "import airflow.providers.celery.executors.celery_executor, airflow.providers.celery.cli.celery_command"
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
