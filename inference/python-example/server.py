"""A container of your own, in Python: the smallest server that SageMaker, mlinfra's probes and its drain are content with.

It needs nothing but Python. Replace `load` and `predict`; everything else is the contract:

- `GET /ping` answers 200 when requests may be sent, 503 before the model is loaded and while the server drains.
- `POST /invocations` takes JSON `{"instances": [ROW, ...]}` or CSV, and gives `{"predictions": [...]}`.
- Errors are JSON with what to do; a body over MAX_BODY is refused before it is read.
- On SIGTERM it says no to /ping, ends what is under way, and exits with 0.
- The port is SAGEMAKER_BIND_TO_PORT, 8080 by default; the model is in SM_MODEL_DIR, /opt/ml/model by default.
"""

import csv
import io
import json
import os
import pathlib
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 6 * 1024 * 1024


def load(folder):
    """The model: here a linear score with a threshold, from `model.json`. Yours may unpickle scikit-learn or load torch."""
    model = json.loads((folder / "model.json").read_text())
    if len(model["weights"]) == 0:
        raise ValueError("the model has no weights")
    return model


def predict(model, rows):
    """One answer for each row."""
    answers = []
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(model["weights"]):
            raise Refused(400, f"row {number}: a list of {len(model['weights'])} numbers is expected")
        try:
            score = model["bias"] + sum(weight * float(value) for weight, value in zip(model["weights"], row))
        except (TypeError, ValueError):
            raise Refused(400, f"row {number}: not all of it are numbers") from None
        answers.append({"label": int(score > 0), "score": score})
    return answers


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status, error, hint='Send {"instances": [[1, 2, 3]]}'):
        super().__init__(error)
        self.status, self.error, self.hint = status, error, hint


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds for a request to arrive

    def do_GET(self):
        if self.path != "/ping":
            return self.answer(404, {"error": "there is nothing at this address", "hint": "Ask /ping or /invocations"})
        if self.server.model is None or self.server.draining.is_set():
            return self.answer(503, {"error": "not ready", "hint": "Ask again, or another replica"})
        return self.answer(200, {})

    def do_POST(self):
        try:
            body = self.body()
            if self.path != "/invocations":
                raise Refused(404, "there is nothing at this address", "POST to /invocations")
            if self.server.model is None:
                raise Refused(503, "the model is not loaded yet", "Wait until /ping answers 200")
            predictions = predict(self.server.model, self.rows(body))
            self.answer(200, {"predictions": predictions})
        except Refused as refused:
            self.answer(refused.status, {"error": refused.error, "hint": refused.hint})
        except Exception as error:  # an answer is owed, whatever happens in the model
            self.answer(500, {"error": f"the model failed: {error}", "hint": "The log of the container has more"})
            raise

    def body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            raise Refused(411, "the request does not say its length", "Send a Content-Length")
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise Refused(413, f"the body is larger than {MAX_BODY} bytes", "Send fewer rows in a request")
        return self.rfile.read(int(length))

    def rows(self, body):
        kind = self.headers.get("Content-Type", "application/json").split(";")[0].strip().lower()
        try:
            if kind == "text/csv":
                rows = [row for row in csv.reader(io.StringIO(body.decode())) if row]
            elif kind == "application/json":
                rows = json.loads(body)
                rows = rows.get("instances") if isinstance(rows, dict) else rows
            else:
                raise Refused(415, f"a body of the type {kind} is not read", "Send application/json or text/csv")
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, csv.Error) as error:
            raise Refused(400, f"the body is not {kind}: {error}") from None
        if not isinstance(rows, list) or not rows:
            raise Refused(400, "the request has no rows")
        return rows

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if self.close_connection or self.server.draining.is_set():
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, message, *arguments):
        print(json.dumps({"level": "INFO", "message": message % arguments}), file=sys.stderr, flush=True)


class Server(ThreadingHTTPServer):
    # Threads are waited for when the server closes: that is the drain.
    daemon_threads = False
    block_on_close = True

    def __init__(self, address):
        super().__init__(address, Handler)
        self.model = None
        self.draining = threading.Event()


def main():
    folder = pathlib.Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    server = Server(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))))

    def drain(*_):
        server.draining.set()
        # Not from the signal's own frame: shutdown waits for the loop that the signal interrupted.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, drain)
    signal.signal(signal.SIGINT, drain)
    print(json.dumps({"level": "INFO", "message": "listening", "port": server.server_port}), file=sys.stderr, flush=True)

    def loading():
        try:
            server.model = load(folder)
        except Exception as error:
            text = f"the model in {folder} cannot be used: {error}"
            print(json.dumps({"level": "ERROR", "message": text}), file=sys.stderr, flush=True)
            server.failed = True
            server.shutdown()
        else:
            print(json.dumps({"level": "INFO", "message": "ready"}), file=sys.stderr, flush=True)

    server.failed = False
    loader = threading.Thread(target=loading)
    loader.start()
    server.serve_forever(poll_interval=0.1)
    loader.join()
    server.server_close()
    return 4 if server.failed else 0


if __name__ == "__main__":
    sys.exit(main())
