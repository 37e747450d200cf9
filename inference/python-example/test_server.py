"""The contract that a container of one's own must keep, asked of `server.py` over a real socket.

    python3 -m unittest discover -s inference/python-example

To ask it of a container that runs already, say where: INFERENCE_URL=http://127.0.0.1:8080.
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent


def start(model_folder):
    environment = {**os.environ, "SAGEMAKER_BIND_TO_PORT": "0", "SM_MODEL_DIR": str(model_folder)}
    process = subprocess.Popen([sys.executable, "-u", str(HERE / "server.py"), "serve"], env=environment,
                               stderr=subprocess.PIPE, text=True)
    told = []
    for line in process.stderr:
        told.append(line)
        if '"ready"' in line or '"ERROR"' in line:
            break
    port = re.search(r'"port": (\d+)', "".join(told))
    return process, int(port.group(1)) if port else 0, "".join(told)


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = None
        url = os.environ.get("INFERENCE_URL")
        if url:
            cls.at = urllib.parse.urlsplit(url).netloc
        else:
            cls.process, port, _ = start(HERE)
            cls.at = f"127.0.0.1:{port}"

    @classmethod
    def tearDownClass(cls):
        if cls.process:
            cls.process.kill()
            cls.process.communicate()

    def ask(self, method, path, body=None, kind="application/json", headers=()):
        connection = http.client.HTTPConnection(self.at, timeout=10)
        connection.request(method, path, body, {"Content-Type": kind, **dict(headers)})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else None

    def refused(self, answer, status, says):
        self.assertEqual(answer[0], status, answer)
        self.assertIn(says, answer[1]["error"])
        self.assertTrue(answer[1]["hint"])

    def test_ping(self):
        self.assertEqual(self.ask("GET", "/ping")[0], 200)

    def test_json_and_csv_give_the_same(self):
        status, answer = self.ask("POST", "/invocations", json.dumps({"instances": [[1, 1, 1], [0, 1, 0]]}))
        self.assertEqual(status, 200)
        self.assertEqual(answer["predictions"], [{"label": 1, "score": 1.25}, {"label": 0, "score": -1.25}])
        self.assertEqual(self.ask("POST", "/invocations", "1,1,1\n0,1,0\n", "text/csv"), (200, answer))

    def test_bad_bodies(self):
        self.refused(self.ask("POST", "/invocations", "{"), 400, "not application/json")
        self.refused(self.ask("POST", "/invocations", "[" * 100_000), 400, "not application/json")
        self.refused(self.ask("POST", "/invocations", "[]"), 400, "no rows")
        self.refused(self.ask("POST", "/invocations", "[[1, 2]]"), 400, "row 0: a list of 3 numbers")
        self.refused(self.ask("POST", "/invocations", '[[1, 2, "x"]]'), 400, "not all of it are numbers")
        self.refused(self.ask("POST", "/invocations", "x", "image/png"), 415, "image/png")
        self.refused(self.ask("POST", "/invocations", None, headers={"Content-Length": "99999999"}), 413, "larger than")
        self.refused(self.ask("GET", "/nothing"), 404, "nothing at this address")


class Life(unittest.TestCase):
    def test_sigterm_lets_a_request_under_way_end(self):
        process, port, _ = start(HERE)
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.putrequest("POST", "/invocations")
            connection.putheader("Content-Length", "9")
            connection.endheaders()
            # Another request is answered after it, so this one was accepted.
            other = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            other.request("GET", "/ping")
            self.assertEqual(other.getresponse().status, 200)
            other.close()
            process.send_signal(signal.SIGTERM)
            connection.send(b"[[1,1,1]]")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            self.assertEqual(process.wait(timeout=20), 0)
        finally:
            process.kill()
            process.communicate()

    def test_without_a_model_it_ends_with_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            process, _, told = start(folder)
            self.assertIn("cannot be used", told)
            self.assertEqual(process.wait(timeout=20), 4)
            process.communicate()


if __name__ == "__main__":
    unittest.main()
