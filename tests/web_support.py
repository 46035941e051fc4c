"""A file server that knows ranges and counts, for the tests of the decoder in JavaScript."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class RangeServer:
    """Serves ``files`` (bytes by path, such as ``"/model.hemp"``) on this machine.

    Attributes:
        address: of the server, without a path.
        sent: path and number of bytes of each answer.
        knows_ranges: False: every answer is the whole file.
    """

    def __init__(self, files: dict[str, bytes], knows_ranges: bool = True) -> None:
        self.files = files
        self.knows_ranges = knows_ranges
        self.sent: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> RangeServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *words: object) -> None:
                pass

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request: 404, 416, 206 or 200."""
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        status, start, end = 200, 0, len(content)
        if found and self.knows_ranges:
            status, start, end = 206, int(found[1]), min(int(found[2]) + 1, len(content))
        if status == 206 and start >= len(content):
            request.send_error(416)
            return
        script = "text/javascript"
        kinds = {"html": "text/html", "js": script, "mjs": script, "wasm": "application/wasm", "css": "text/css"}
        request.send_response(status)
        request.send_header("Content-Type", kinds.get(request.path.rpartition(".")[2], "application/octet-stream"))
        request.send_header("Content-Length", str(end - start))
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        request.end_headers()
        request.wfile.write(content[start:end])
        self.sent.append((request.path, end - start))
