"""A webhook receiver that verifies with the package standardwebhooks: webhook.py SECRET...

Prints the port it listens on; then for each POST one JSON line that says for each secret whether a receiver
that knows only this one accepts the request, and whether it accepts the same request with its body tampered with.
"""

import http.server
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def accepts(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers)
        tampered = body.replace(b"SUCCEEDED", b"FAILED")
        assert tampered != body
        verdict = {
            "genuine": [accepts(secret, body, headers) for secret in sys.argv[1:]],
            "tampered": [accepts(secret, tampered, headers) for secret in sys.argv[1:]],
            "event": json.loads(body),
            "contentType": headers.get("content-type"),
        }
        self.send_response(204)
        self.end_headers()
        print(json.dumps(verdict), flush=True)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
