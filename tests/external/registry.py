"""A proxy before a registry that misbehaves as registries do, for registry.sh.

    registry.py UPSTREAM MISCHIEF...

listens on a port of this machine, prints it, and passes everything on to UPSTREAM (http://127.0.0.1:5000), but for its
mischief. Each is NAME or NAME=TIMES, and strikes so many times (3):

    busy        429 with Retry-After: 1, instead of an answer
    failing     500, instead of an answer
    expired     401 to an upload, as if the login had ended meanwhile
    closing     the connection ends when a tenth of an upload has come
    dropping    half of an upload is lost, and nobody says so
    silent      an upload is done, and the connection ends before the answer
    chunks      every chunk of an upload after the first is lost, as at ECR

Each request is a line on standard error: method, path, bytes, status.
"""

import http.client
import http.server
import sys
import threading
import urllib.parse

LOCK = threading.Lock()


class Proxy(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    upstream = ""
    mischief: dict[str, int] = {}
    chunked: set[str] = set()

    def strikes(self, name):
        """Whether this mischief is to be done now."""
        with LOCK:
            left = self.mischief.get(name, 0)
            self.mischief[name] = max(left - 1, 0)
            return left > 0

    def report(self, status, length):
        """One line a request."""
        sys.stderr.write(f"{self.command} {self.path} {length} {status}\n")
        sys.stderr.flush()

    def refuse(self, status, code, headers=()):
        """An error of the registry's kind."""
        body = f'{{"errors":[{{"code":"{code}","message":"mischief"}}]}}'.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        """A request, with mischief or without."""
        length = int(self.headers.get("Content-Length") or 0)
        upload = self.command == "PUT" and "/blobs/uploads/" in self.path
        if upload and length > 10_000 and self.strikes("closing"):
            self.rfile.read(length // 10)
            self.report("closed", length)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        authorised = "Authorization" in self.headers
        if upload and authorised and self.strikes("expired"):
            self.report(401, length)
            self.refuse(401, "UNAUTHORIZED", [("WWW-Authenticate", 'Basic realm="ecr"')])
            return
        if authorised and self.strikes("busy"):
            self.report(429, length)
            self.refuse(429, "TOOMANYREQUESTS", [("Retry-After", "1")])
            return
        if authorised and self.strikes("failing"):
            self.report(500, length)
            self.refuse(500, "UNKNOWN")
            return
        if upload and length > 10_000 and self.strikes("dropping"):
            body = body[: length // 2]
        if self.command == "PATCH":
            session = self.path.split("?")[0]
            with LOCK:
                again = session in self.chunked
                self.chunked.add(session)
            if again and "chunks" in self.mischief:
                self.report(202, length)
                self.send_response(202)
                self.send_header("Location", self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.pass_on(body, length, upload)

    def pass_on(self, body, length, upload):
        """The request, to the registry behind."""
        target = urllib.parse.urlsplit(self.upstream)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "content-length")}
        headers["Content-Length"] = str(len(body))
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        self.report(answer.status, length)
        if upload and answer.status == 201 and self.strikes("silent"):
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() in ("connection", "transfer-encoding", "content-length", "date", "server"):
                continue
            self.send_header(name, value)
        size = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", size or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def log_message(self, format, *args):
        """The line of `report` says it."""


def main():
    """Serves until it is ended."""
    Proxy.upstream = sys.argv[1]
    for each in sys.argv[2:]:
        name, _, times = each.partition("=")
        Proxy.mischief[name] = int(times or 3)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
