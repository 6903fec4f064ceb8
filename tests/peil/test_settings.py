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
        f"[index.elastic]\nservers = ['https://elastic:{PLANTED}@127.0.0.1:9200']",
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
