"""Shipping to a real kube-apiserver and kube-controller-manager: rollouts, failures, restores, conflicts, jobs, restarts.

The nodes are this suite's: a loop binds pods to a node that does not exist and writes the states that a kubelet would, as
the variable VERSION of the container says. Tokens are checked by a webhook, signature and all, as EKS checks them.
"""

import base64
import contextlib
import datetime
import gzip
import hashlib
import hmac
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = pathlib.Path(os.environ["KUBEBUILDER_ASSETS"])
MLINFRA = os.environ.get("MLINFRA_BINARY", "")
CLUSTER = "shop-dev-cluster"
ADMIN = "administrator"
SECRET = "a-secret-that-only-tests-know"
PATIENCE = 90


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, holds, seconds=PATIENCE):
    """Waits until `holds()` gives something, and gives that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


# ---- tokens, as the authenticator of EKS checks them

def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def judge(token, cluster=CLUSTER):
    """Why a token is not one for `cluster`; nothing if it is."""
    if not token.startswith("k8s-aws-v1."):
        return "no prefix"
    encoded = token.removeprefix("k8s-aws-v1.")
    if "=" in encoded:
        return "padding"
    url = urllib.parse.urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    if (url.scheme, url.netloc, url.path) != ("https", "sts.us-east-1.amazonaws.com", "/"):
        return f"not STS: {url.geturl()}"
    pairs = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
    given = {key.lower(): value for key, value in pairs}
    known = {"action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
             "x-amz-signature", "x-amz-security-token"}
    if set(given) - known:
        return f"unknown parameters: {set(given) - known}"
    if given.get("action") != "GetCallerIdentity" or given.get("x-amz-signedheaders") != "host;x-k8s-aws-id":
        return "another request"
    if not 0 < int(given.get("x-amz-expires", "0")) <= 900:
        return "its expiry"
    made = datetime.datetime.strptime(given["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs((datetime.datetime.now(datetime.timezone.utc) - made).total_seconds()) > 900:
        return "older than 15 minutes"
    _, day, region, service, end = given["x-amz-credential"].split("/")
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")
    query = "&".join(f"{quote(key)}={quote(value)}" for key, value in sorted(pairs) if key != "X-Amz-Signature")
    canonical = "\n".join(["GET", "/", query, f"host:{url.netloc}", f"x-k8s-aws-id:{cluster}", "", "host;x-k8s-aws-id",
                           hashlib.sha256(b"").hexdigest()])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", given["x-amz-date"], f"{day}/{region}/{service}/{end}",
                         hashlib.sha256(canonical.encode()).hexdigest()])
    key = hmac_of(hmac_of(hmac_of(hmac_of(("AWS4" + SECRET).encode(), day), region), service), end)
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return "" if hmac.compare_digest(expected, given["x-amz-signature"]) else "signed for another cluster, or by somebody else"


class Webhook(http.server.BaseHTTPRequestHandler):
    """Reviews tokens."""
    seen = []

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["content-length"])))
        why = judge(review["spec"]["token"])
        Webhook.seen.append(why)
        status = {"authenticated": not why}
        if not why:
            status["user"] = {"username": "arn:aws:iam::111122223333:user/tester", "groups": ["system:masters"]}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Kubelet(http.server.BaseHTTPRequestHandler):
    """What the API server asks a node for: logs, and a way to a port of a pod."""
    said = {}

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path).path.split("/")
        if parts[1] == "portForward":
            port = int(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["port"][0])
            # Who has what it wanted may leave before the last frame.
            with contextlib.suppress(OSError):
                self.forward(parts[3], port)
            return
        text = Kubelet.said.get(parts[3], "ready\n").encode() if parts[1] == "containerLogs" else b""
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def forward(self, pod, port):
        """A WebSocket with two channels, data and errors, that both begin with the port (v4.channel.k8s.io); behind it a
        server that says who it is."""
        accept = hashlib.sha1((self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "Upgrade")
        self.send_header("sec-websocket-accept", base64.b64encode(accept).decode())
        self.send_header("sec-websocket-protocol", "v4.channel.k8s.io")
        self.end_headers()
        self.close_connection = True

        def frame(channel, data):
            payload = bytes([channel]) + data
            assert len(payload) < 126
            self.wfile.write(bytes([0x82, len(payload)]) + payload)
            self.wfile.flush()

        for channel in (0, 1):
            frame(channel, port.to_bytes(2, "little"))
        if Kubelet.refuses == "at once":
            return None
        if Kubelet.refuses:
            frame(1, b"nothing listens on that port")
            self.wfile.write(b"\x88\x00")
            self.wfile.flush()
            # What is still on its way is taken in: closing before would reset the connection, and lose what was said.
            self.connection.settimeout(20)
            while self.rfile.read(1):
                pass
            return None
        asked = b""
        while b"\r\n\r\n" not in asked:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return None
            size = head[1] & 127
            if size == 126:
                size = int.from_bytes(self.rfile.read(2), "big")
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(size)))
            asked += data[1:] if data[:1] == b"\0" else b""
        body = f"{pod} {port} {asked.split()[1].decode()}".encode()
        frame(0, b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
        frame(0, body)
        self.wfile.write(b"\x88\x00")

    refuses = None

    def log_message(self, *_):
        pass


def serve(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Plane:
    """etcd, API server, controllers, nodes."""

    def __init__(self, folder):
        self.folder = folder
        self.started = {}
        self.port = free_port()
        self.stopping = threading.Event()
        self.certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.kubelet_port = serve(Kubelet, context)
        webhook = f"http://127.0.0.1:{serve(Webhook)}/"
        (folder / "webhook.yaml").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "w", "clusters": [{"name": "w", "cluster": {"server": webhook}}],
            "users": [{"name": "w"}], "contexts": [{"name": "w", "context": {"cluster": "w", "user": "w"}}]}))
        (folder / "tokens.csv").write_text(f"{ADMIN},admin,admin,system:masters\n")
        (folder / "controllers.yaml").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url, "certificate-authority": str(folder / "ca.crt")}}],
            "users": [{"name": "c", "user": {"token": ADMIN}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]}))
        peer, client = free_port(), free_port()
        self.etcd = f"http://127.0.0.1:{client}"
        self.start("etcd", [
            ASSETS / "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", self.etcd, "--advertise-client-urls", self.etcd,
            "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync"])
        self.api_server()
        self.start("controllers", [
            ASSETS / "kube-controller-manager", "--kubeconfig", folder / "controllers.yaml", "--leader-elect=false",
            "--controllers=deployment,replicaset,job,serviceaccount,serviceaccount-token,namespace,garbagecollector,resourcequota",
            "--service-account-private-key-file", folder / "server.key", "--root-ca-file", folder / "ca.crt", "--port=0",
            "--bind-address=127.0.0.1", f"--secure-port={free_port()}", "--cert-dir", folder / "controllers"])
        self.call("POST", "/api/v1/nodes", {
            "metadata": {"name": "node"}, "spec": {}})
        self.call("PATCH", "/api/v1/nodes/node/status", {"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.kubelet_port}},
            "conditions": [{"type": "Ready", "status": "True"}]}}, "application/merge-patch+json")
        until("the default service account", lambda: self.get("/api/v1/namespaces/default/serviceaccounts/default"))
        threading.Thread(target=self.nodes, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def certificates(self):
        run = lambda *words: subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=self.folder)
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=tests",
            "-addext", "basicConstraints=critical,CA:TRUE")
        run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=kubernetes")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
        run("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.crt",
            "-days", "2", "-extfile", "names")

    def api_server(self):
        folder = self.folder
        self.start("api", [
            ASSETS / "kube-apiserver", "--etcd-servers", self.etcd, f"--secure-port={self.port}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--tls-cert-file", folder / "server.crt",
            "--tls-private-key-file", folder / "server.key", "--token-auth-file", folder / "tokens.csv",
            "--authentication-token-webhook-config-file", folder / "webhook.yaml", "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=1s", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://tests", "--service-account-key-file", folder / "server.key",
            "--service-account-signing-key-file", folder / "server.key", "--kubelet-preferred-address-types=InternalIP",
            "--cert-dir", folder / "api", "--anonymous-auth=false"])
        until("the API server", lambda: self.get("/api/v1/namespaces/default"))

    def start(self, name, command):
        log = open(self.folder / f"{name}.log", "ab")
        self.started[name] = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, cwd=self.folder)

    def kill(self, name):
        self.started[name].kill()
        self.started[name].wait()

    def stop(self):
        self.stopping.set()
        for program in reversed(self.started.values()):
            program.kill()
            program.wait()

    # ---- calls

    def call(self, method, path, body=None, content="application/json"):
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"authorization": f"Bearer {ADMIN}", "content-type": content})
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)

    def get(self, path):
        try:
            return self.call("GET", path)
        except (urllib.error.URLError, OSError):
            return None

    def items(self, path):
        return (self.get(path) or {}).get("items") or []

    # ---- nodes

    def nodes(self):
        seen = {}
        while not self.stopping.wait(0.15):
            for pod in self.items("/api/v1/pods"):
                try:
                    self.play(pod, seen)
                except urllib.error.HTTPError as error:
                    if error.code not in (404, 409):
                        raise
                except (urllib.error.URLError, OSError):
                    pass  # the API server is away, as it is in one of the scenarios

    def play(self, pod, seen):
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        at = f"/api/v1/namespaces/{namespace}/pods/{name}"
        if pod["metadata"].get("deletionTimestamp"):
            self.call("DELETE", at, {"gracePeriodSeconds": 0})
            return
        if not pod["spec"].get("nodeName"):
            self.call("POST", f"{at}/binding", {"metadata": {"name": name}, "target": {"kind": "Node", "name": "node"}})
        container = pod["spec"]["containers"][0]
        version = next((one["value"] for one in container.get("env", []) if one["name"] == "VERSION"), "good")
        age = time.monotonic() - seen.setdefault(pod["metadata"]["uid"], time.monotonic())
        image = container["image"]
        status = {"name": container["name"], "image": image, "imageID": "", "ready": False, "restartCount": 0, "started": False}
        phase, ready = "Pending", False
        is_job = pod["spec"]["restartPolicy"] == "Never"
        delay = 4 if version.startswith("slow") else 0.4
        if version.startswith("pull"):
            words = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": not found'
            backs_off = int(age) % 4 >= 2
            status["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'} if backs_off
                               else {"reason": "ErrImagePull", "message": words}}
            self.event(pod, "Failed", f'Failed to pull image "{image}": {words}', seen)
        elif version.startswith("crash") and not is_job:
            phase = "Running"
            Kubelet.said[name] = "loading model\nOSError: no such file: /opt/ml/model/model.onnx\n"
            status.update(restartCount=2, state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
                          lastState={"terminated": {"exitCode": 1, "reason": "Error"}})
        elif version.startswith("never"):
            phase, status["state"] = "Running", {"running": {}}
            self.event(pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", seen)
        elif age < delay:
            status["state"] = {"waiting": {"reason": "ContainerCreating"}}
        elif is_job and version.startswith("crash"):
            Kubelet.said[name] = "row 17: no such column\n"
            phase, status["state"] = "Failed", {"terminated": {"exitCode": 3, "reason": "Error"}}
        elif is_job and age > delay + 1.5:
            phase, status["state"] = "Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}}
        else:
            Kubelet.said.setdefault(name, f"{version} is ready\n")
            phase, ready, status["state"] = "Running", True, {"running": {}}
        status.update(ready=ready, started=ready, imageID=image if ready else "")
        wanted = {"phase": phase, "containerStatuses": [status], "conditions": [
            {"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True" if ready else "False"}]}
        if seen.get((pod["metadata"]["uid"], "told")) != wanted:
            self.call("PATCH", f"{at}/status", {"status": wanted}, "application/merge-patch+json")
            seen[(pod["metadata"]["uid"], "told")] = wanted

    def event(self, pod, reason, message, seen):
        key = (pod["metadata"]["uid"], reason)
        if key in seen:
            return
        seen[key] = True
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = pod["metadata"]
        self.call("POST", f"/api/v1/namespaces/{meta['namespace']}/events", {
            "metadata": {"name": f"{meta['name']}.{reason.lower()}"}, "reason": reason, "message": message, "type": "Warning",
            "involvedObject": {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "firstTimestamp": now, "lastTimestamp": now, "count": 1})


# ---- the program

def layout(folder, content):
    """An image of one file, as an OCI layout."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs" / "sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("content")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content.encode()))
    layer = blob(gzip.compress(archive.getvalue(), mtime=0))
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {"User": "65532"}, "rootfs": {
        "type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(archive.getvalue()).hexdigest()}"]}}).encode())
    manifest = blob(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layer}]}).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest, "platform": {"architecture": "amd64", "os": "linux"}}]}))
    return manifest["digest"]


class Project:
    """A project, deployed in a sandbox whose cluster is the real one."""

    def __init__(self, folder, plane):
        self.folder = folder / "project"
        shutil.copytree(ROOT / "tests" / "external" / "kubernetes", self.folder)
        authority = base64.b64encode((plane.folder / "ca.crt").read_bytes()).decode()
        (folder / "faults.toml").write_text(
            f'[[fault]]\ncluster = "*"\nendpoint = "{plane.url}"\ncertificate_authority = "{authority}"\n')
        self.port = free_port()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_ACCESS_KEY_ID": "AKIDTESTS",
                            "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true", "CI": "true",
                            "MLINFRA_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}
        log = open(folder / "sandbox.log", "ab")
        self.sandbox = subprocess.Popen(
            [MLINFRA, "sandbox", "serve", "--port", str(self.port), "--faults", str(folder / "faults.toml"), "--time-scale", "100000"],
            cwd=self.folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, stdout=log, stderr=log)
        until("the sandbox", self.listens, 20)
        self.write("good-1")
        for words in [("bootstrap", "dev"), ("apply", "dev", "--yes")]:
            code, said = self.run(*words)
            assert code == 0, said

    def listens(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def write(self, version, workload="scorer"):
        """Changes the workload's version, and the image with it; gives the image's digest."""
        path = self.folder / "environments" / "dev.toml"
        head, mark, tail = path.read_text().partition(f"[workloads.{workload}]")
        path.write_text(head + mark + re.sub(r'VERSION = "[^"]*"', f'VERSION = "{version}"', tail, count=1))
        return layout(self.folder / "scorer.oci", version)

    def start(self, *words):
        return subprocess.Popen([MLINFRA, *words], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *words):
        program = self.start(*words)
        said, _ = program.communicate(timeout=240)
        return program.returncode, said

    def ship(self, workload="scorer", *words):
        return self.run("ship", "dev", workload, "--yes", *words)

    def stop(self):
        self.sandbox.kill()
        self.sandbox.wait()


DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/scorer"


class Scenarios:
    """In this order: each begins where the one before ended."""

    def __init__(self, plane, project):
        self.plane, self.project = plane, project

    def serves(self):
        """Version and digest of what all ready pods run; nothing while they differ."""
        pods = [pod for pod in self.plane.items("/api/v1/namespaces/default/pods") if not pod["metadata"].get("deletionTimestamp")]
        ready = [pod for pod in pods if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))]
        runs = {(version_of(pod), pod["spec"]["containers"][0]["image"].split("@")[-1]) for pod in ready}
        return runs.pop() if len(runs) == 1 and len(ready) == 2 == len(pods) else None

    def expect(self, code, said, wanted, *words):
        assert code == wanted, f"exit {code}, expected {wanted}\n{said}"
        for word in words:
            assert word in said, f"{word!r} is not in\n{said}"

    def a_first_ship_runs_the_digest_that_was_pushed(self):
        digest = self.project.write("good-1")
        code, said = self.project.ship()
        self.expect(code, said, 0)
        assert self.serves() == ("good-1", digest), (self.serves(), digest)
        assert Webhook.seen and set(Webhook.seen) == {""}, set(Webhook.seen)

    def nothing_to_do_changes_nothing(self):
        before = self.plane.get(DEPLOYMENT)["metadata"]["resourceVersion"]
        code, said = self.project.ship()
        self.expect(code, said, 0)
        assert self.plane.get(DEPLOYMENT)["metadata"]["resourceVersion"] == before

    def an_update_takes_its_place(self):
        digest = self.project.write("good-2")
        code, said = self.project.ship()
        self.expect(code, said, 0)
        assert self.serves() == ("good-2", digest)
        self.digest = digest

    def a_port_of_this_machine_leads_to_a_ready_pod(self):
        program = self.project.start("port-forward", "dev", "scorer", "0")
        # Who waits for a line that never comes is told so.
        late = threading.Timer(60, program.kill)
        late.start()

        def line_with(words):
            said = []
            for line in program.stdout:
                said.append(line)
                if words in line:
                    return line
            raise AssertionError(f"it ended without saying {words!r}:\n{''.join(said)}")

        try:
            address = re.search(r"127\.0\.0\.1:\d+", line_with("Listening on")).group()
            pods = {pod["metadata"]["name"] for pod in self.plane.items("/api/v1/namespaces/default/pods")}
            for path in ("/ping", "/v2/health/ready"):
                with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
                    pod, port, asked = answer.read().decode().split()
                assert pod in pods and port == "8080" and asked == path, (pod, port, asked)
            for Kubelet.refuses, words in (("with a reason", "nothing listens on that port"), ("at once", "the connection to port 8080 broke")):
                try:
                    urllib.request.urlopen(f"http://{address}/ping", timeout=10)
                    raise AssertionError("something answered where nothing listens")
                except (urllib.error.URLError, OSError, http.client.HTTPException):
                    pass
                line_with(words)
            # It goes on after a connection that came to nothing.
            Kubelet.refuses = None
            urllib.request.urlopen(f"http://{address}/ping", timeout=10).close()
        finally:
            Kubelet.refuses = None
            program.send_signal(signal.SIGINT)
            said, _ = program.communicate(timeout=20)
            late.cancel()
        self.expect(program.returncode, said, 0)

    def an_image_that_cannot_be_pulled_is_told_and_the_old_one_is_back(self):
        self.project.write("pull-3")
        begun = time.monotonic()
        code, said = self.project.ship()
        self.expect(code, said, 7, "MLI1607", "not found")
        # Build, push and restore included.
        assert time.monotonic() - begun < 30
        assert self.serves() == ("good-2", self.digest), self.serves()

    def a_crash_is_told_with_its_last_lines(self):
        self.project.write("crash-3")
        code, said = self.project.ship()
        self.expect(code, said, 7, "MLI1608", "OSError: no such file: /opt/ml/model/model.onnx")
        assert self.serves() == ("good-2", self.digest), self.serves()

    def what_never_becomes_ready_is_put_back(self):
        self.project.write("never-3")
        code, said = self.project.ship()
        self.expect(code, said, 7, "MLI1611", "503")
        assert self.serves() == ("good-2", self.digest), self.serves()

    def another_manager_is_named_and_asked_for(self):
        self.plane.call("PATCH", f"{DEPLOYMENT}?fieldManager=somebody-else&force=true", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "scorer"}, "spec": {"progressDeadlineSeconds": 99}},
            "application/apply-patch+yaml")
        digest = self.project.write("good-4")
        before = self.plane.get(DEPLOYMENT)["metadata"]["resourceVersion"]
        code, said = self.project.ship()
        assert code != 0
        self.expect(code, said, code, "MLI1605", "somebody-else", "progressDeadlineSeconds", "--take-ownership")
        assert self.plane.get(DEPLOYMENT)["metadata"]["resourceVersion"] == before
        code, said = self.project.ship("scorer", "--take-ownership")
        self.expect(code, said, 0)
        assert self.serves() == ("good-4", digest)

    def an_api_server_that_starts_anew_is_waited_for(self):
        digest = self.project.write("slow-5")
        program = self.project.start("ship", "dev", "scorer", "--yes")
        until("the rollout", lambda: version_in(self.plane.get(DEPLOYMENT)) == "slow-5")
        self.plane.kill("api")
        time.sleep(3)
        self.plane.api_server()
        said, _ = program.communicate(timeout=240)
        self.expect(program.returncode, said, 0)
        assert self.serves() == ("slow-5", digest), self.serves()

    def two_ships_at_once_do_not_mix(self):
        digest = self.project.write("slow-6")
        ships = [self.project.start("ship", "dev", "scorer", "--yes") for _ in range(2)]
        ended = [(ship.communicate(timeout=240)[0], ship.returncode) for ship in ships]
        codes = sorted(code for _, code in ended)
        # The lock is held by one; the other is turned away, or comes after it and finds nothing to do.
        assert codes in ([0, 0], [0, 3]), ended
        assert self.serves() == ("slow-6", digest), self.serves()

    def killed_in_the_middle_it_ends_as_if_nothing_had_happened(self):
        digest = self.project.write("slow-7")
        program = self.project.start("ship", "dev", "scorer", "--yes")
        until("the rollout", lambda: version_in(self.plane.get(DEPLOYMENT)) == "slow-7")
        program.send_signal(signal.SIGKILL)
        program.wait()
        end = time.monotonic() + 180
        while True:
            code, said = self.project.ship()
            if code != 3 or time.monotonic() > end:
                break
            # The lease of the one that was killed has to run out.
            time.sleep(5)
        self.expect(code, said, 0)
        assert self.serves() == ("slow-7", digest), self.serves()

    def a_job_runs_to_its_end_once_and_its_lines_are_told(self):
        self.project.write("good-1", "nightly")
        code, said = self.project.ship("nightly")
        self.expect(code, said, 0, "good-1 is ready")
        code, said = self.project.ship("nightly")
        self.expect(code, said, 0)
        assert len(self.plane.items("/apis/batch/v1/namespaces/jobs/jobs")) == 1

    def a_job_that_fails_says_why(self):
        self.project.write("crash-2", "nightly")
        code, said = self.project.ship("nightly")
        self.expect(code, said, 7, "MLI1612", "exit code 3", "row 17: no such column")

    def a_namespace_that_goes_away_takes_nothing_in(self):
        namespace = self.plane.get("/api/v1/namespaces/jobs")
        held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["tests/held"]}}
        self.plane.call("POST", "/api/v1/namespaces/jobs/configmaps", held)
        self.plane.call("DELETE", f"/api/v1/namespaces/{namespace['metadata']['name']}")
        until("the namespace to be going", lambda: self.plane.get("/api/v1/namespaces/jobs")["status"]["phase"] == "Terminating")
        self.project.write("good-3", "nightly")
        code, said = self.project.ship("nightly")
        assert code != 0
        self.expect(code, said, code, "MLI1604", "is being deleted")

    def a_cluster_that_does_not_know_us_says_what_is_needed(self):
        self.project.environment["AWS_SECRET_ACCESS_KEY"] = "another"
        code, said = self.project.run("workloads", "dev")
        assert "MLI1603" in said and "admin_role_arns" in said, said

    def all(self):
        return [getattr(self, name) for name in vars(Scenarios) if "_" in name and not name.startswith("_")]


def version_of(pod):
    return next((one["value"] for one in pod["spec"]["containers"][0].get("env", []) if one["name"] == "VERSION"), None)


def version_in(deployment):
    return version_of(deployment["spec"]["template"]) if deployment else None


def selftest(plane):
    """The control plane, the webhook and the nodes, without the program."""
    labels = {"app": "one"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [
        {"name": "one", "image": "registry/one@sha256:" + "1" * 64, "env": [{"name": "VERSION", "value": "good-1"}]}]}}
    plane.call("PATCH", "/apis/apps/v1/namespaces/default/deployments/one?fieldManager=tests", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "one"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}}, "application/apply-patch+yaml")
    until("a rollout", lambda: plane.get("/apis/apps/v1/namespaces/default/deployments/one")["status"].get("availableReplicas") == 2)
    pod = plane.items("/api/v1/namespaces/default/pods")[0]["metadata"]["name"]
    context = ssl.create_default_context(cafile=plane.folder / "ca.crt")
    request = urllib.request.Request(f"{plane.url}/api/v1/namespaces/default/pods/{pod}/log", headers={"authorization": f"Bearer {ADMIN}"})
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        assert answer.read() == b"good-1 is ready\n"
    request = urllib.request.Request(f"{plane.url}/api/v1/namespaces", headers={"authorization": "Bearer k8s-aws-v1.bm90aGluZw"})
    try:
        urllib.request.urlopen(request, context=context, timeout=10)
        raise AssertionError("a token that is none was taken")
    except urllib.error.HTTPError as error:
        assert error.code == 401, error
    assert Webhook.seen, "the webhook was not asked"
    plane.kill("api")
    plane.api_server()
    print("kubernetes: the control plane, its webhook and the nodes do what they should")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "plane").mkdir()
        plane = project = None
        passed = failed = 0
        try:
            plane = Plane(folder / "plane")
            if "--selftest" in sys.argv:
                return selftest(plane)
            project = Project(folder, plane)
            for scenario in Scenarios(plane, project).all():
                name = scenario.__name__.replace("_", " ")
                begun = time.monotonic()
                try:
                    scenario()
                    passed += 1
                    print(f"   {name} ({time.monotonic() - begun:.1f} s)", flush=True)
                except Exception:
                    failed += 1
                    print(f"   FAILED: {name}\n{traceback.format_exc()}", flush=True)
        except Exception:
            for log in sorted(folder.rglob("*.log")):
                print(f"---- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]), file=sys.stderr)
            raise
        finally:
            if project:
                project.stop()
            if plane:
                plane.stop()
    print(f"kubernetes: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
