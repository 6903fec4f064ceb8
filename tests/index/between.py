import re
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit


class Between:
    """A proxy before a server that passes everything on, and answers in its place where a test
    wants it: `answers` are bodies by what the method and path of a request must match.
    """

    def __init__(self, server: str) -> None:
        self.answers: dict[str, bytes] = {}
        address = urlsplit(server)
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                there = HTTPConnection(str(address.hostname), address.port or 80, timeout=60)
                there.request(self.command, self.path, sent or None, dict(self.headers))
                answer = there.getresponse()
                body, status = answer.read(), answer.status
                there.close()
                for pattern, instead in between.answers.items():
                    if re.search(pattern, f"{self.command} {self.path}"):
                        body, status = instead, 200
                self.send_response(status)
                for name in ("Content-Type", "X-Elastic-Product"):
                    self.send_header(name, answer.headers.get(name, ""))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def do_PUT(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
