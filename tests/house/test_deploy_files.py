"""What is deployed agrees with the code: settings, verbs and versions in the Dockerfile and in compose.yaml.

No Docker is needed: the files are read, not run.
"""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
import yaml

from consumers.cli import cli
from consumers.settings import Settings, setting_rows

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = ROOT / "deploy" / "compose.yaml"
OURS = ("topics", "worker")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its arguments on one line, without comments."""
    code = "\n".join(line for line in DOCKERFILE.read_text("utf-8").splitlines() if not line.startswith("#"))
    lines = code.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def final_stage() -> list[tuple[str, str]]:
    """The instructions after the last FROM: what the image is."""
    found = instructions()
    start = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def last(word: str) -> str:
    """What the final stage says last of `word`: the one that counts."""
    return [rest for found, rest in final_stage() if found == word][-1]


def image_variables() -> dict[str, str]:
    """The variables that the image sets."""
    pairs = [pair for word, rest in final_stage() if word == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def services() -> dict[str, Any]:
    """The services of compose.yaml."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    return found


def in_container(service: str) -> Settings:
    """The settings that a service's container starts with."""
    return Settings.from_env(image_variables() | services()[service]["environment"])


def advertised(listener: str) -> str:
    """Where Kafka's listener tells clients to find it."""
    text = services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    return dict(part.split("://") for part in text.split(","))[listener]


def seconds(text: str) -> int:
    assert text.endswith("s"), f"{text}: this test reads seconds only"
    return int(text.removesuffix("s"))


@pytest.mark.parametrize("path", [DOCKERFILE, COMPOSE], ids=["Dockerfile", "compose.yaml"])
def test_every_variable_that_is_named_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"TOCSIN_\w+", path.read_text("utf-8")))

    assert named
    assert named <= {row.variable for row in setting_rows(Settings())}


def test_the_image_serves_metrics_on_the_port_that_it_exposes() -> None:
    settings = Settings.from_env({k: v for k, v in image_variables().items() if k.startswith("TOCSIN_")})

    assert settings.http_host == "0.0.0.0"  # noqa: S104 - inside a container it has to
    assert str(settings.http_port) == last("EXPOSE")


def test_the_image_runs_without_root_by_number() -> None:
    user, _, group = last("USER").partition(":")

    assert user.isdigit(), "Kubernetes can check runAsNonRoot only of a number"
    assert int(user) > 0
    assert int(group) > 0


def test_the_image_takes_no_package_from_its_working_folder_and_writes_no_bytecode() -> None:
    assert image_variables().items() >= {"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}.items()


def test_the_image_is_the_command_and_runs_a_worker_unless_told_otherwise() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["tocsin"]
    assert json.loads(last("CMD")) == ["run"]
    assert last("STOPSIGNAL") == "SIGTERM"


def test_the_builder_gets_all_that_it_copies_and_nothing_else() -> None:
    copied = {
        source.rstrip("/")
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert "*" in ignored
    assert copied == let_in
    assert [path for path in copied if not (ROOT / path).exists()] == []


def test_images_are_named_without_the_host_of_a_registry() -> None:
    stages = {rest.split()[2] for word, rest in instructions() if word == "FROM" and " AS " in rest}
    images = {rest.split()[0] for word, rest in instructions() if word == "FROM"} - stages
    images |= {service["image"] for service in services().values()}

    assert [image for image in images if "/" in image and set(".:") & {*image.split("/")[0]}] == []


@pytest.mark.parametrize("service", OURS)
def test_a_service_of_ours_starts_with_settings_that_load_and_finds_kafka(service: str) -> None:
    assert in_container(service).brokers == (advertised("INTERNAL"),)


@pytest.mark.parametrize("service", OURS)
def test_a_service_of_ours_runs_a_verb_that_there_is(service: str) -> None:
    command: click.Command | None = cli
    for word in services()[service]["command"]:
        assert isinstance(command, click.Group), f"{word}: no such verb"
        command = command.commands.get(word)

    assert type(command) is click.Command


@pytest.mark.parametrize("service", OURS)
def test_a_service_of_ours_is_built_here_and_has_no_rights(service: str) -> None:
    found = services()[service]

    assert (COMPOSE.parent / found["build"]["context"]).resolve() == ROOT
    assert ROOT / found["build"]["dockerfile"] == DOCKERFILE
    assert found["read_only"] is True
    assert found["tmpfs"] == [last("WORKDIR")], "the one place to write to"
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]


def test_the_worker_waits_until_the_topics_are_there() -> None:
    assert services()["topics"]["depends_on"]["kafka"]["condition"] == "service_healthy"
    assert services()["worker"]["depends_on"]["topics"]["condition"] == "service_completed_successfully"


def test_the_worker_may_finish_the_batch_in_hand_before_it_is_killed() -> None:
    assert seconds(services()["worker"]["stop_grace_period"]) > in_container("worker").delivery_timeout_s


def test_kafka_of_compose_is_the_one_that_is_tested_with() -> None:
    pom = ET.parse(ROOT / "deploy" / "kafka" / "pom.xml")  # noqa: S314 - our own file
    version = pom.findtext(".//{*}kafka.version")

    assert services()["kafka"]["image"] == f"apache/kafka:{version}"


def test_kafka_of_compose_is_reached_from_this_machine_only_and_without_any_setting() -> None:
    host = advertised("HOST")

    assert services()["kafka"]["ports"] == [f"{host}:9092"]
    assert (host,) == Settings().brokers
    assert host.startswith("127.0.0.1:")
