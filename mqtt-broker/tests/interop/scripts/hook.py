"""A server that is asked about clients. Prints its port; what it does depends on the user name."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "Bearer token of the broker"


class Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != TOKEN or self.headers["Content-Type"] != "application/json":
            return self.answer(400)
        user = question.get("user_name")
        if user == "alice":
            good = question["password"].endswith("pencil") and question["peer"] == "127.0.0.1"
            return self.answer(200, {"result": "allow" if good else "deny", "groups": ["painters"]})
        if user == "bob":
            return self.answer(403)
        if user == "hang":
            self.rfile.read(1)
            return None
        if user == "break":
            return self.answer(500)
        if user == "die":
            os._exit(1)
        return self.answer(200, {"result": "ignore"})

    def answer(self, status, body=None):
        content = json.dumps(body).encode() if body else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
print(server.server_port, flush=True)
server.serve_forever()
