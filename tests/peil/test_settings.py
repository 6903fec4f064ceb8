from pathlib import Path

import pytest

from peil.settings import load_settings
from stream.errors import Stop
from stream.secrets import secret

PLANTED = "hunter2-4711"


def settings_file(folder: Path, text: str = "") -> Path:
    path = folder / "peil.toml"
    path.write_text(text)
    return path


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    for given in (PLANTED, "4711", "true", '"quoted"'):
        environ = {"PEIL_STREAM__KAFKA__PASSWORD": given}
        kafka = load_settings(settings_file(tmp_path), environ=environ).stream.kafka
        assert secret(kafka.password, kafka.password_file, setting="x") == given
        assert "password=SecretStr('**********')" in repr(kafka)


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{PLANTED}\n")
    text = f"[database]\npassword_file = '{path}'"
    database = load_settings(settings_file(tmp_path, text), environ={}).database
    assert secret(database.password, database.password_file, setting="x") == PLANTED
    path.write_text("")
    with pytest.raises(Stop, match=r"x_file.*is empty"):
        secret(database.password, database.password_file, setting="x")
    path.unlink()
    with pytest.raises(Stop, match=r"x_file.*cannot be read \(No such file"):
        secret(database.password, database.password_file, setting="x")


@pytest.mark.parametrize(
    "text",
    [
        f"[stream.kafka]\npassword = '{PLANTED}'",
        f"[index.elastic]\napi_key = '{PLANTED}'",
        f"[database]\npassword = '{PLANTED}'",
        f"[database]\nurl = 'postgresql+psycopg://peil:{PLANTED}@127.0.0.1/peil'",
        f"[database]\nurl = 'postgresql+psycopg://127.0.0.1/peil?password={PLANTED}'",
        f"[database]\nurl = 'postgresql+psycopg://127.0.0.1/peil?sslpassword={PLANTED}'",
        f"[database]\nurl = 'postgresql+psycopg://peil:a/{PLANTED}@127.0.0.1/peil'",
        f"[index.elastic]\nservers = ['https://elastic:{PLANTED}@127.0.0.1:9200']",
        f"[index.elastic]\nservers = ['https://elastic:a/{PLANTED}@127.0.0.1:9200']",
        f"[index.elastic]\nservers = ['https://{PLANTED}@127.0.0.1:9200']",
        f"[stream.kafka]\nservers = ['peil:{PLANTED}@127.0.0.1:9092']",
    ],
)
def test_a_secret_in_the_settings_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"secret|password must not") as caught:
        load_settings(settings_file(tmp_path, text), environ={})
    assert PLANTED not in str(caught.value)


def test_a_secret_on_the_command_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="command line") as caught:
        load_settings(
            settings_file(tmp_path), environ={}, overrides=[f"database.password={PLANTED}"]
        )
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PEIL_INDEX__ELASTIC__SERVERS", f"https://elastic:{PLANTED}@127.0.0.1:9200"),
        ("PEIL_INDEX__ELASTIC__SERVERS", f'[["{PLANTED}"]]'),
        ("PEIL_STREAM__KAFKA__SERVERS", f"peil:{PLANTED}@127.0.0.1:9092"),
        ("PEIL_STREAM__KAFKA", f"peil:{PLANTED}"),
        ("PEIL_STREAM__KAFKA", f'{{password = ["{PLANTED}"]}}'),
        ("PEIL_STREAM__BATCH", f'{{password = "{PLANTED}"}}'),
        ("PEIL_DATABASE__URL", f"//peil:{PLANTED}@127.0.0.1/peil"),
        ("PEIL_DATABASE", f"postgresql+psycopg://peil:{PLANTED}@127.0.0.1/peil"),
    ],
)
def test_what_may_be_a_secret_is_never_repeated(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(Stop, match=name) as caught:
        load_settings(settings_file(tmp_path), environ={name: text})
    assert PLANTED not in str(caught.value)
    setting = name.removeprefix("PEIL_").lower().replace("__", ".")
    with pytest.raises(Stop, match=f"--set {setting}") as caught:
        load_settings(settings_file(tmp_path), environ={}, overrides=[f"{setting}={text}"])
    assert PLANTED not in str(caught.value)


def test_a_secret_in_a_section_on_the_command_line_is_refused(tmp_path: Path) -> None:
    for override in (f'stream.kafka={{password="{PLANTED}"}}', f"database.password:{PLANTED}"):
        with pytest.raises(
            Stop, match=r"--set (stream.kafka.password|database.password): "
        ) as caught:
            load_settings(settings_file(tmp_path), environ={}, overrides=[override])
        assert PLANTED not in str(caught.value)


@pytest.mark.parametrize("text", ["true", "false", "{}"])
def test_that_nobody_reviews_rules_is_said_in_the_file_alone(text: str, tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    for name, given in (
        ("PEIL_RULES__SINGLE_AUTHOR", text),
        ("PEIL_RULES", f"{{single_author = {text}}}"),
    ):
        with pytest.raises(Stop, match=f"{name}: whether rules count without a review"):
            load_settings(path, environ={name: given})
        setting = name.removeprefix("PEIL_").lower().replace("__", ".")
        with pytest.raises(Stop, match=f"--set {setting}: whether rules count without a review"):
            load_settings(path, environ={}, overrides=[f"{setting}={given}"])


@pytest.mark.parametrize(
    ("setting", "given", "told"),
    [
        ("stream.kafka.servers", "host:9092", 'in brackets, as ["host:port"]'),
        ("stream.kafka.servers", '["host"]', "as host:port"),
        ("stream.kafka.servers", '["host:0"]', "port from 1 to 65535"),
        ("stream.kafka.servers", '["host:65536"]', "port from 1 to 65535"),
        ("stream.kafka.servers", "[]", "at least 1"),
        ("index.elastic.servers", "http://host:9200", 'in brackets, as ["https://host:port"]'),
        ("index.elastic.servers", '["host:9200"]', "as https://host:port"),
        ("index.elastic.servers", "[]", "at least 1"),
        ("database.url", "host", "postgresql+psycopg://user@host/name"),
    ],
)
def test_an_address_that_is_none_is_told_how_to_write(
    setting: str, given: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(Stop) as caught:
        load_settings(settings_file(tmp_path), environ={}, overrides=[f"{setting}={given}"])
    assert told in str(caught.value)


def test_addresses_of_every_form_are_taken(tmp_path: Path) -> None:
    text = """
    database.url = "postgresql+psycopg://peil@db.example.org/peil?sslmode=verify-full"
    stream.kafka.servers = ["kafka-1.example.org:9092", "127.0.0.1:1", "[::1]:65535"]
    index.elastic.servers = ["https://search.example.org:443/es", "http://[::1]:9200"]
    """
    settings = load_settings(settings_file(tmp_path, text), environ={})
    assert len(settings.stream.kafka.servers) == 3
    assert len(settings.index.elastic.servers) == 2


def test_where_a_wrong_value_came_from_is_told(tmp_path: Path) -> None:
    path = settings_file(tmp_path, "[stream]\nbatch = 0\nkafka.servers = ['a:1', 'b']")
    environ = {
        "PEIL_STREAM__KAFKA": '{partitions = 0, servers = ["b"]}',
        "PEIL_INDEX__ELASTIC": "1",
    }
    overrides = ["index.elastic={shards=0}"]
    with pytest.raises(Stop) as caught:
        load_settings(path, environ=environ, overrides=overrides)
    told = str(caught.value)
    assert f"stream.batch ({path}): " in told
    assert told.count("(the environment variable PEIL_STREAM__KAFKA): ") == 2
    assert "stream.kafka.partitions (the environment variable PEIL_STREAM__KAFKA): " in told
    assert "index.elastic.shards (--set index.elastic): " in told
    assert ", got 0" in told


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 5_000 + "]" * 5_000], ids=["digits", "depth"])
def test_a_value_without_end_is_told(tmp_path: Path, value: str) -> None:
    with pytest.raises(Stop, match=r"peil\.toml is not valid TOML"):
        load_settings(settings_file(tmp_path, f"purpose = {value}"), environ={})
    with pytest.raises(Stop, match="PEIL_PRIVACY__K"):
        load_settings(settings_file(tmp_path), environ={"PEIL_PRIVACY__K": value})
