from pathlib import Path

import pytest

from bench.servers.certificates import Authority
from stream.authority import trusting
from stream.errors import Stop

TEXT = "root:x:0:0:root:/root:/bin/sh\n"
BROKEN = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"


def test_the_authority_in_the_file_is_trusted_alone(tmp_path: Path) -> None:
    context = trusting(str(Authority(tmp_path).file), setting="a.ca_file")
    assert len(context.get_ca_certs()) == 1


def test_without_a_file_the_system_is_trusted() -> None:
    assert trusting("", setting="a.ca_file").check_hostname


@pytest.mark.parametrize("content", ["", TEXT, BROKEN])
def test_a_file_without_a_certificate_is_told_in_our_words(tmp_path: Path, content: str) -> None:
    file = tmp_path / "passwd"
    file.write_text(content)
    with pytest.raises(Stop) as caught:
        trusting(str(file), setting="a.ca_file")
    assert str(caught.value) == (
        f"a.ca_file: {file} cannot be used (it holds no certificate); it must hold the certificate "
        "authority of the servers, as PEM"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none", "No such file"), (".", "Is a directory|no certificate"), ("\0", "no name")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(Stop, match=f"^a.ca_file: .*({reason})"):
        trusting(str(tmp_path / name), setting="a.ca_file")
