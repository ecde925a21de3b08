"""Stands in for anvil where a test needs one that misbehaves: answers every call with 0x1, and disobeys.

MISBEHAVIOUR is "ignores SIGTERM", "saves nothing" or "says nothing".
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

behaviour = os.environ["MISBEHAVIOUR"]
port = int(sys.argv[sys.argv.index("--port") + 1])


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x1"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if behaviour == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if behaviour == "says nothing":
    signal.pause()
HTTPServer(("127.0.0.1", port), Answer).serve_forever()
