import importlib.util
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography import x509

from dashboard.site import Site
from peil.roles import ROLES
from peil.settings import load_settings
from stream.metrics import METRICS

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "cluster.md").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: Mapping[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = ("kafka", "elasticsearch", "postgres")
ONCE = ("kafka-format", "setup", "operator")
"""Containers that do one thing and end."""

USERS = {"house": "index"}
"""Roles that have the user of another one."""

LASTING = [name for name in SERVICES if name not in ONCE]
PEIL = [name for name, service in SERVICES.items() if service["image"].startswith("peil:")]
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
SCRAPED = {"job", "instance", "role"}
"""Labels that Prometheus itself adds."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", DEPLOY / "make-secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()  # type: ignore[union-attr]  # no match fails the test
    return int(number) * {"s": 1, "m": 60}[unit]


def mounted(service: Mapping[str, Any]) -> dict[str, str]:
    """The secrets of a service: where it finds each, and its name."""
    found: dict[str, str] = {}
    for each in service.get("secrets", ()):
        name, target = (each, each) if isinstance(each, str) else (each["source"], each["target"])
        found[str(Path("/run/secrets") / target)] = name
    return found


# Compose.


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_more_rights_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "pid", "ipc", "network_mode"} & service.keys()
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["mem_limit"]
    assert service["pids_limit"] > 0


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_watched_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"  # no shell in between
    assert {"interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys()
    assert seconds(service["stop_grace_period"]) > 30


@pytest.mark.parametrize("name", SERVICES)
def test_logs_of_containers_are_bounded(name: str) -> None:
    logging = SERVICES[name]["logging"]
    assert logging["driver"] == "none" or {"max-size", "max-file"} <= logging["options"].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert re.match(r"v?\d+\.\d+", tag), tag


def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert COMPOSE["networks"]["servers"]["internal"] is True
    assert all(
        "outside" not in SERVICES[name]["networks"] for name in (*SERVERS, "enrich", "dashboard")
    )


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_as_files(name: str) -> None:
    service = SERVICES[name]
    held = mounted(service)
    environment: Mapping[str, str] = service.get("environment", {})
    for variable, value in environment.items():
        if re.search("PASSWORD|API_KEY|SECRET|TOKEN", variable):
            assert variable.endswith("_FILE"), variable
            assert value in held, f"{variable}: {value}"
    assert "environment" not in {key for each in COMPOSE["secrets"].values() for key in each}
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert not re.search(r"://[^/\s]+:[^/\s]+@", text)


@pytest.mark.parametrize("name", [name for name in PEIL if name != "setup"])
def test_a_role_has_its_own_secrets_alone(name: str) -> None:
    held = set(mounted(SERVICES[name]).values()) - {"ca"}
    assert held
    user = USERS.get(name, name)
    assert all(each.startswith(f"{user}-") for each in held)
    users = {
        value
        for variable, value in SERVICES[name]["environment"].items()
        if variable.endswith("__USER")
    }
    assert users == {f"peil_{user}"}
    assert f"//peil_{user}@" in SERVICES[name]["environment"]["PEIL_DATABASE__URL"]


def test_every_secret_is_used_and_made(script: ModuleType, tmp_path: Path) -> None:
    used = {name for service in SERVICES.values() for name in mounted(service).values()}
    assert used == COMPOSE["secrets"].keys()
    script.main([str(tmp_path), "--mine"])
    made = {path for path in tmp_path.rglob("*") if path.is_file()}
    named = {
        tmp_path / Path(each["file"]).relative_to("secrets") for each in COMPOSE["secrets"].values()
    }
    assert made - named == {tmp_path / "authority" / "ca.key"}  # that one is for no container
    assert named <= made


def test_files_of_secrets_belong_to_whose_container_reads_them(script: ModuleType) -> None:
    for name, service in SERVICES.items():
        user = int(service["user"].partition(":")[0])
        for each in set(mounted(service).values()) - {"ca"}:
            folder = Path(COMPOSE["secrets"][each]["file"]).parent.name
            assert script.OWNERS[folder][0] == user, f"{name}: {each}"


@pytest.mark.parametrize("name", PEIL)
def test_the_settings_of_a_container_are_settings(name: str) -> None:
    environ = SERVICES[name]["environment"]
    settings = load_settings(ROOT / "config" / "peil.toml", environ=environ)
    assert settings.engine == "cluster"
    assert "sslmode=verify-full" in settings.database.url
    files = {settings.database.url.partition("sslrootcert=")[2]}
    if name != "dashboard":  # it opens no log
        files.add(settings.stream.kafka.ca_file)
        assert settings.stream.kafka.security == "SASL_SSL"
        assert settings.stream.kafka.servers == ("kafka:9092",)
    if name != "enrich":  # it asks the store nothing
        files.add(settings.index.elastic.ca_file)
        assert settings.index.elastic.servers == ("https://elasticsearch:9200",)
    assert files <= mounted(SERVICES[name]).keys()


@pytest.mark.parametrize("name", [name for name in PEIL if name in LASTING])
def test_a_role_is_asked_where_it_listens_and_has_time_to_end(name: str) -> None:
    service = SERVICES[name]
    settings = load_settings(ROOT / "config" / "peil.toml", environ=service["environment"])
    port = settings.service.listen.rpartition(":")[2]
    assert f":{port}/live" in service["healthcheck"]["test"][-1]
    assert seconds(service["stop_grace_period"]) > settings.service.drain_seconds
    assert service["command"] == ["run", "--role", name]
    prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    (found,) = prometheus["scrape_configs"][0]["dns_sd_configs"]
    assert name in found["names"]
    assert found["port"] == int(port)


def test_every_role_has_a_container() -> None:
    assert ROLES.keys() <= SERVICES.keys()


def test_roles_start_after_the_set_up_and_that_after_the_servers() -> None:
    for role in ROLES:
        waits = SERVICES[role]["depends_on"]
        assert waits == {"setup": {"condition": "service_completed_successfully"}}
    waits = SERVICES["setup"]["depends_on"]
    assert waits == {name: {"condition": "service_healthy"} for name in SERVERS}


def test_enrichment_gets_no_keys() -> None:
    volumes = SERVICES["enrich"]["volumes"]
    sources = {
        each["source"] if isinstance(each, dict) else each.partition(":")[0] for each in volumes
    }
    assert sources == {"./city/config", "models"}


def test_the_dashboard_opens_by_its_own_certificate_where_its_port_is_published(
    made: Path,
) -> None:
    service = SERVICES["dashboard"]
    environ = service["environment"]
    assert not [variable for variable in environ if "KAFKA" in variable]
    settings = load_settings(ROOT / "config" / "peil.toml", environ=environ).dashboard
    held = mounted(service)
    given = {
        name: str(made / Path(COMPOSE["secrets"][held[file]]["file"]).relative_to("secrets"))
        for name, file in (
            ("certificate_file", settings.certificate_file),
            ("key_file", settings.key_file),
        )
    }
    site = Site.of(settings.model_copy(update=given))  # with that it starts
    assert site.is_secure
    address = urlsplit(site.address)
    assert service["ports"] == [f"127.0.0.1:{address.port}:{site.port}"]
    assert address.hostname is not None
    (network,) = set(service["networks"]) - {"servers"}
    options = COMPOSE["networks"][network]["driver_opts"]
    assert options == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    users = [name for name, each in SERVICES.items() if network in each["networks"]]
    assert users == ["dashboard"]
    assert site.address in GUIDE
    files = (given["certificate_file"], given["key_file"])
    assert handshake(*files, name=address.hostname, client=trusting(made)) is None


def test_the_files_and_volumes_that_containers_mount_are_there() -> None:
    for name, service in SERVICES.items():
        for each in service.get("volumes", ()):
            source, bind = (
                (each["source"], each["bind"])
                if isinstance(each, dict)
                else (each.partition(":")[0], {})
            )
            if not source.startswith("."):
                assert source in COMPOSE["volumes"]
            elif bind.get("create_host_path") is False:  # the operator makes it
                assert f"deploy/{source[2:].partition('/')[0]}" in GUIDE
                ignored = (DEPLOY / ".gitignore").read_text("utf-8").splitlines()
                assert f"/{source[2:].partition('/')[0]}/" in ignored
            else:
                assert (DEPLOY / source).exists(), f"{name}: {source}"


# Servers.


def test_kafka_asks_for_a_login_and_refuses_what_nobody_allowed() -> None:
    lines = (DEPLOY / "kafka" / "server.properties").read_text("utf-8").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    protocols = dict(each.split(":") for each in found["listener.security.protocol.map"].split(","))
    assert protocols["CLIENT"] == "SASL_SSL"
    assert set(protocols.values()) == {"SASL_SSL", "SSL"}
    for listener, protocol in protocols.items():
        if protocol == "SSL":
            assert found[f"listener.name.{listener.lower()}.ssl.client.auth"] == "required"
    assert found["authorizer.class.name"].endswith("StandardAuthorizer")
    assert found["allow.everyone.if.no.acl.found"] == "false"
    assert found["auto.create.topics.enable"] == "false"
    held = mounted(SERVICES["kafka"])
    assert {found["ssl.keystore.location"], found["ssl.truststore.location"]} <= held.keys()


def test_elasticsearch_is_secured_with_the_basic_licence() -> None:
    found = yaml.safe_load((DEPLOY / "elasticsearch" / "elasticsearch.yml").read_text("utf-8"))
    assert found["xpack.security.enabled"] is True
    held = mounted(SERVICES["elasticsearch"])
    for side in ("http", "transport"):
        tls = found[f"xpack.security.{side}.ssl"]
        assert tls["enabled"] is True
        for file in (tls["certificate"], tls["key"], tls["certificate_authorities"]):
            assert f"/usr/share/elasticsearch/config/{file}" in held
    assert not any("license" in key for key in found)


def test_postgres_lets_nobody_in_without_tls_and_password() -> None:
    lines = (DEPLOY / "postgres" / "pg_hba.conf").read_text("utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            kind, *_, method = line.split()
            assert kind in {"local", "hostssl"}
            assert method == "scram-sha-256"
    command = SERVICES["postgres"]["command"]
    assert "ssl=on" in command
    held = mounted(SERVICES["postgres"])
    files = {
        each.partition("=")[2] for each in command if each.startswith("ssl_") and "_file" in each
    }
    assert files
    assert files <= held.keys()


# Image.


def instructions(text: str) -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n", " ", text).splitlines()
    found = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    return [(word.upper(), rest) for word, rest in found]


def test_the_image_runs_as_nobody_special_and_fetches_only_what_is_pinned() -> None:
    found = instructions((DEPLOY / "Containerfile").read_text("utf-8"))
    words = [word for word, _ in found]
    assert "ADD" not in words
    assert "HEALTHCHECK" not in words
    (base,) = [rest for word, rest in found if word == "ARG"]
    assert re.search(r"python:3\.12\.\d+-slim", base)
    assert [rest for word, rest in found if word == "FROM"] == ["${BASE} AS build", "${BASE}"]
    for line in (rest for word, rest in found if word == "RUN"):
        assert not re.search(r"curl|wget|https?://|sh -c|eval", line)
        for install in re.findall(r"pip[^&]* install [^&]*", line):
            hashed = "--require-hashes" in install and "--only-binary :all:" in install
            assert hashed or ("--no-deps" in install and "--no-index" in install), install
    last = len(words) - 1 - words[::-1].index("FROM")
    final = found[last:]
    assert [rest for word, rest in final if word == "USER"] == ["10001:10001"]
    assert ("STOPSIGNAL", "SIGTERM") in final
    assert ("ENTRYPOINT", '["peil", "-C", "/city"]') in final
    user = [word for word, _ in final].index("USER")
    assert not {"RUN", "COPY"} & {word for word, _ in final[user:]}


def test_libraries_are_installed_before_what_changes_more_often() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    order = ["COPY requirements", "--requirement cluster.txt", "COPY stream", "pip wheel", "USER"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)


def test_every_package_goes_into_the_image_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {
        source
        for word, rest in instructions((DEPLOY / "Containerfile").read_text("utf-8"))
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert {*build["packages"], *build["force-include"]} <= copied
    assert all((ROOT / each).exists() for each in copied)
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied


def test_what_builds_the_package_is_pinned_as_everywhere() -> None:
    pins = (ROOT / "requirements" / "dev.txt").read_text("utf-8")
    blocks = re.findall(
        r"^\S+==.*(?:\n    .*)*", (DEPLOY / "build.txt").read_text("utf-8"), re.MULTILINE
    )
    assert any(block.startswith("hatchling==") for block in blocks)
    assert all(f"{block}\n" in pins for block in blocks)


# Alerts.


def test_a_role_that_is_gone_is_told() -> None:
    (gone,) = [rule for rule in ALERTS if rule["alert"] == "PeilRoleGone"]
    assert re.findall(r'absent\(up\{job="peil", role="(\w+)"\}\)', gone["expr"]) == list(ROLES)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_measured(rule: Mapping[str, Any]) -> None:
    names = set(re.findall(r"\b(?:peil_\w+|up)\b", rule["expr"]))
    assert names
    labels = set(SCRAPED)
    for name in names - {"up"}:
        found = METRICS.get(name) or METRICS[re.sub(r"_(count|sum|bucket)$", "", name)]
        assert name in METRICS or found.kind == "histogram"
        labels |= set(found.labels)
    used = set(re.findall(r"[{,]\s*(\w+)\s*[=!]", rule["expr"]))
    for group in re.findall(r"\b(?:by|on) \(([\w, ]+)\)", rule["expr"]):
        used |= set(group.split(", "))
    used |= set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= labels
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert {"summary", "action"} == rule["annotations"].keys()


def test_prometheus_reads_the_alerts() -> None:
    found = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
    assert found["rule_files"] == ["alerts.yml"]
    targets = {each.split(":")[1] for each in SERVICES["prometheus"]["volumes"] if "yml" in each}
    assert targets == {"/etc/peil/prometheus.yml", "/etc/peil/alerts.yml"}


# Secrets.


def kafka(folder: Path) -> Path:
    return folder / "kafka" / "kafka.pem"


def handshake(
    *files: Path | str, name: str, client: ssl.SSLContext, mutual: Path | None = None
) -> str | None:
    """What a client says of who shows the certificate in `files`; None when both are content.
    With `mutual`, an authority, the client has to show one too.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*files)
    if mutual is not None:
        server.load_verify_locations(mutual)
        server.verify_mode = ssl.CERT_REQUIRED
    here, there = socket.socketpair()

    def serve() -> None:
        with there:
            try:
                with server.wrap_socket(there, server_side=True) as secured:
                    secured.sendall(b"well")
            except (ssl.SSLError, ConnectionError):
                return  # the client says why

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(here, server_hostname=name) as secured:
            return None if secured.recv(4) == b"well" else "cut off"
    except ssl.SSLError as error:
        return str(error)
    finally:
        here.close()
        thread.join()


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.crt"))


@pytest.fixture(scope="module")
def made(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("secrets")
    script.main([str(folder), "--mine", "--also", "kafka=kafka.example.org"])
    return folder


@pytest.mark.parametrize("name", ["kafka", "localhost", "127.0.0.1", "kafka.example.org"])
def test_a_server_is_trusted_under_its_names(made: Path, name: str) -> None:
    assert handshake(kafka(made), name=name, client=trusting(made)) is None


def test_a_server_is_trusted_under_no_other_name(made: Path) -> None:
    said = handshake(kafka(made), name="elasticsearch", client=trusting(made))
    assert said is not None
    assert "Hostname mismatch" in said


def test_nodes_know_each_other_by_their_certificates(made: Path) -> None:
    client = trusting(made)
    assert handshake(kafka(made), name="kafka", client=client, mutual=made / "ca.crt") is not None
    client.load_cert_chain(kafka(made))
    assert handshake(kafka(made), name="kafka", client=client, mutual=made / "ca.crt") is None


def test_the_dashboard_does_not_pass_for_a_node(made: Path) -> None:
    client = trusting(made)
    client.load_cert_chain(made / "dashboard" / "server.crt", made / "dashboard" / "server.key")
    assert handshake(kafka(made), name="kafka", client=client, mutual=made / "ca.crt") is not None


def test_another_authority_is_not_trusted(script: ModuleType, made: Path, tmp_path: Path) -> None:
    script.main([str(tmp_path), "--mine"])
    said = handshake(kafka(made), name="kafka", client=trusting(tmp_path))
    assert said is not None
    assert "certificate verify failed" in said


def test_an_expired_certificate_is_told_and_renewed(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = script.Folder(tmp_path, mine=True)
    script.make_certificates(folder, days=0, also={}, renew=())
    said = handshake(kafka(tmp_path), name="kafka", client=trusting(tmp_path))
    assert said is not None
    assert "expired" in said
    capsys.readouterr()
    script.main([str(tmp_path), "--mine"])
    assert "--renew kafka" in capsys.readouterr().out
    authority = (tmp_path / "ca.crt").read_bytes()
    script.main([str(tmp_path), "--mine", "--renew", "kafka"])
    assert handshake(kafka(tmp_path), name="kafka", client=trusting(tmp_path)) is None
    assert (tmp_path / "ca.crt").read_bytes() == authority


@pytest.mark.parametrize("gone", [(), ("ca.crt", "authority/ca.key"), ("kafka/kafka.pem",)])
def test_a_certificate_that_is_renewed_keeps_its_names(
    script: ModuleType, tmp_path: Path, gone: Sequence[str]
) -> None:
    also = ["--also", "kafka=kafka-1.example.org", "--also", "kafka=192.0.2.7"]
    script.main([str(tmp_path), "--mine", *also])
    for name in gone:
        (tmp_path / name).unlink()
    script.main([str(tmp_path), "--mine", "--renew", "kafka", "--also", "kafka=new.example.org"])

    def is_known(name: str) -> bool:
        return handshake(kafka(tmp_path), name=name, client=trusting(tmp_path)) is None

    assert is_known("new.example.org")
    kept = "kafka/kafka.pem" not in gone  # which is how to be rid of a name
    assert [is_known("kafka-1.example.org"), is_known("192.0.2.7")] == [kept, kept]


def test_an_expired_certificate_can_be_had_for_a_drill(script: ModuleType, tmp_path: Path) -> None:
    script.main([str(tmp_path), "--mine"])
    script.main([str(tmp_path), "--mine", "--renew", "kafka", "--days", "0"])
    said = handshake(kafka(tmp_path), name="kafka", client=trusting(tmp_path))
    assert said is not None
    assert "expired" in said


def test_another_authority_makes_all_certificates_anew_and_no_password(
    script: ModuleType, tmp_path: Path
) -> None:
    def passwords() -> dict[Path, bytes]:
        files = [*tmp_path.rglob("password"), *(tmp_path / "setup").iterdir()]
        return {path: path.read_bytes() for path in files}

    script.main([str(tmp_path), "--mine"])
    before = passwords()
    for name in ("ca.crt", "authority/ca.key"):
        (tmp_path / name).unlink()
    script.main([str(tmp_path), "--mine"])
    assert passwords() == before
    assert handshake(kafka(tmp_path), name="kafka", client=trusting(tmp_path)) is None
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    for server in ("elasticsearch", "postgres", "dashboard"):
        held = x509.load_pem_x509_certificate((tmp_path / server / "server.crt").read_bytes())
        held.verify_directly_issued_by(authority)


def test_doing_it_again_changes_nothing(script: ModuleType, tmp_path: Path) -> None:
    def held() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    script.main([str(tmp_path), "--mine"])
    before = held()
    script.main([str(tmp_path), "--mine"])
    assert held() == before
    (tmp_path / "index" / "kafka").unlink()
    script.main([str(tmp_path), "--mine"])
    changed = {path for path, value in held().items() if before[path] != value}
    assert changed == {tmp_path / "index" / "kafka"}


@pytest.mark.parametrize(
    "gone",
    [
        *(name for server in ("elasticsearch", "postgres")
          for name in (f"{server}/password", f"setup/{server}")),
        "kafka/admin.arguments",
        "setup/kafka",
    ],
)  # fmt: skip
def test_what_is_gone_of_an_administrators_password_is_made_from_what_is_there(
    script: ModuleType, tmp_path: Path, gone: str
) -> None:
    script.main([str(tmp_path), "--mine"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / gone).unlink()
    script.main([str(tmp_path), "--mine"])
    assert {path: path.read_bytes() for path in before} == before


def test_an_administrators_password_that_cannot_be_read_is_told(
    script: ModuleType, tmp_path: Path
) -> None:
    script.main([str(tmp_path), "--mine"])
    (tmp_path / "setup" / "kafka").unlink()
    path = tmp_path / "kafka" / "admin.arguments"
    path.chmod(0o600)
    path.write_text("--add-scram\n")
    with pytest.raises(SystemExit, match=r"admin\.arguments holds no password as"):
        script.main([str(tmp_path), "--mine"])
    assert path.read_text() == "--add-scram\n"


def test_no_two_passwords_are_alike_and_administrators_match(
    made: Path, script: ModuleType
) -> None:
    roles = [made / role / server for role, servers in script.ROLES.items() for server in servers]
    found = [path.read_text() for path in [*roles, *sorted((made / "setup").iterdir())]]
    assert len(set(found)) == len(found) == len(roles) + len(SERVERS)
    assert all(re.fullmatch("[0-9a-f]{48}", each) for each in found)
    for server in ("elasticsearch", "postgres"):
        assert (made / server / "password").read_bytes() == (made / "setup" / server).read_bytes()
    arguments = (made / "kafka" / "admin.arguments").read_text().splitlines()
    password = (made / "setup" / "kafka").read_text()
    assert arguments == ["--add-scram", f"SCRAM-SHA-512=[name=admin,password={password}]"]


def test_nobody_else_may_read_the_secrets(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    for path in made.rglob("*"):
        allowed = 0o700 if path.is_dir() else 0o444 if path.name == "ca.crt" else 0o400
        assert stat.S_IMODE(path.stat().st_mode) == allowed, path


def test_the_authoritys_key_may_lie_elsewhere_until_it_is_needed(
    script: ModuleType, tmp_path: Path
) -> None:
    script.main([str(tmp_path), "--mine"])
    (tmp_path / "authority" / "ca.key").unlink()
    script.main([str(tmp_path), "--mine"])
    with pytest.raises(SystemExit, match=r"ca\.key is not there"):
        script.main([str(tmp_path), "--mine", "--renew", "kafka"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--days", "99999999"], "from 1 to 3650"),
        (["--days", "-5", "--renew", "kafka"], "from 1 to 3650"),
        (["--days", "many"], "from 1 to 3650"),
        (["--also", "kafka=ünïcode", "--renew", "kafka"], "no name of a host"),
        (["--also", "kafka=a..b"], "no name of a host"),
        (["--also", "kafka=https://a"], "no name of a host"),
        (["--also", "kafka="], "SERVER=HOST"),
        (["--also", "nobody=a"], "there is no server 'nobody'"),
    ],
)
def test_what_no_certificate_can_say_is_refused_before_anything_is_made(
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    with pytest.raises(SystemExit) as caught:
        script.main([str(tmp_path / "new"), "--mine", *words])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["localhost", "a.example.org", "*.example.org", "::1", "10.0.0.1"])
def test_a_name_or_address_of_every_form_is_taken(script: ModuleType, name: str) -> None:
    assert script._named(f"kafka={name}") == ("kafka", name)


@pytest.mark.parametrize(
    ("name", "renew", "told"),
    [
        ("elasticsearch/server.crt", [], "server.crt holds no certificate.*--renew elasticsearch"),
        ("kafka/kafka.pem", [], "kafka.pem holds no certificate.*--renew kafka"),
        ("ca.crt", ["--renew", "kafka"], "ca.crt holds no certificate.*bring it back"),
        ("authority/ca.key", ["--renew", "kafka"], "ca.key is no key that this program made"),
    ],
)
def test_a_file_that_is_none_of_ours_is_told(
    script: ModuleType, tmp_path: Path, name: str, renew: list[str], told: str
) -> None:
    script.main([str(tmp_path), "--mine"])
    path = tmp_path / name
    path.chmod(0o600)
    path.write_bytes(b"junk\xff")
    with pytest.raises(SystemExit, match=told):
        script.main([str(tmp_path), "--mine", *renew])
    if not renew:  # what it says to do helps
        script.main([str(tmp_path), "--mine", "--renew", name.partition("/")[0]])


def test_an_authority_of_which_a_part_is_gone_is_told(script: ModuleType, tmp_path: Path) -> None:
    script.main([str(tmp_path), "--mine"])
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(SystemExit, match=r"ca\.crt is not there.*bring it back"):
        script.main([str(tmp_path), "--mine", "--renew", "kafka"])


@pytest.mark.parametrize("name", [".", "kafka"])
def test_a_file_in_the_place_of_a_folder_is_told(
    script: ModuleType, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    with pytest.raises(SystemExit, match=r"^.*secrets.*: (File exists|Not a directory)"):
        script.main([str(tmp_path / "secrets"), "--mine"])


def test_the_script_gives_files_to_the_containers_users_or_says_that_it_cannot(
    script: ModuleType, tmp_path: Path
) -> None:
    words = [sys.executable, str(DEPLOY / "make-secrets.py"), str(tmp_path / "secrets")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if os.geteuid() != 0:
        assert "only root can give the files" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    for folder, (user, group) in script.OWNERS.items():
        for path in (tmp_path / "secrets" / folder, *(tmp_path / "secrets" / folder).iterdir()):
            assert (path.stat().st_uid, path.stat().st_gid) == (user, group)


# The guide.


def test_the_settings_in_the_guide_are_settings(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "peil.toml"
    path.write_text(block)
    assert load_settings(path, environ={}).engine == "cluster"
    environ = dict(re.findall(r"`(PEIL_\w+)=([^`]+)`", GUIDE))
    assert environ
    load_settings(path, environ=environ)


def test_the_guide_names_what_there_is() -> None:
    for path in re.findall(r"\bdeploy/[\w./-]*\w", GUIDE):
        made = path.split("/")[1] in {"secrets", "city", "snapshots"}
        assert made or (ROOT / path).exists(), path
    commands = re.findall(r"docker compose ([^\n`]*)", GUIDE)
    assert commands
    for words in commands:
        verb, *others = words.split()
        named = next((each for each in others if not each.startswith("-")), None)
        assert verb in {"run", "up", "start", "restart", "stop", "kill", "exec"}, words
        assert named is None or named.partition("=")[0] in SERVICES, words
    alerts = set(re.findall(r"`(Peil[A-Z]\w+)`", GUIDE))
    assert alerts <= {rule["alert"] for rule in ALERTS}
