"""A server in a process of its own that answers as an empty Elasticsearch would, and at once: for
what it costs to ask one, apart from what the answer costs.
"""

import json
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.servers.server import HOST

NOTHING = {"hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = json.dumps(_answer(self.path.partition("?")[0], body)).encode()
        self.send_response_only(200)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def _answer(path: str, body: bytes) -> object:
    if path == "/":
        return {"version": {"number": "8.19.0"}, "tagline": "You Know, for Search"}
    if path == "/_bulk":
        written = len(re.findall(rb'^\{"index":', body, re.MULTILINE))
        return {"errors": False, "items": [{"index": {"status": 201}}] * written}
    return NOTHING if path.endswith("/_search") else {}


def _serve() -> None:
    with ThreadingHTTPServer((HOST, 0), _Answers) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


@contextmanager
def elastic_stand_in() -> Generator[str]:
    """Its address, while the block runs. What is written there is found nowhere."""
    command = (sys.executable, "-m", "bench.stand_in")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://{HOST}:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    _serve()
