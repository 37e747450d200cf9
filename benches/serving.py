"""The model server beside Python peers, on the same model, on this machine, one after the other.

    apt-get install wrk python3-venv
    python3 benches/serving.py target/release/inference

The peers are installed into folders of their own in the user's cache (serving-requirements*.txt; once). Each server
answers the same request of one row (Open Inference Protocol v2, JSON) from wrk with 16 connections for 10 s over
loopback, after 2 s to warm up. All are set up as one would in production: no line of log for a request, and the peers
with what makes them fast: uvloop and httptools, a coroutine, one thread for a run of ONNX Runtime, as many processes as
processors in the second row. MLServer runs the model in scikit-learn, its own way, and answers the label alone.

Measured: requests a second; the median and 99th percentile of latency; from the start of the process to the first
answer; the memory of all its processes after the load (PSS, so that what they share counts once); and what has to be
shipped beside an operating system and Python: the program with its model, or the installed packages, compressed as
layers of images are. What cannot be installed is said and left out, and then the exit code is 1. The load and the server
share the machine's processors; that is the same for all. `--seconds N` measures for longer.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zlib

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parent / "inference" / "model"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "mlinfra"
ROW = [19.12, 19, 837.2, 1907.2, 1, 0.97, 0.14, 0, 1, 0, 1012.6]
BODY = json.dumps({"inputs": [{"name": "features", "shape": [1, 11], "datatype": "FP32", "data": ROW}]})

FASTAPI = f'''
import numpy, onnxruntime
from fastapi import FastAPI
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession({str(MODEL / "model.onnx")!r}, options, providers=["CPUExecutionProvider"])
app = FastAPI()
@app.post("/v2/models/fraud/infer")
async def infer(body: dict):
    given = body["inputs"][0]
    label, probabilities = session.run(None, {{"features": numpy.array(given["data"], numpy.float32).reshape(given["shape"])}})
    return {{"model_name": "fraud", "outputs": [
        {{"name": "label", "shape": label.shape, "datatype": "INT64", "data": label.tolist()}},
        {{"name": "probabilities", "shape": probabilities.shape, "datatype": "FP32", "data": probabilities.ravel().tolist()}}]}}
'''


class NotHere(Exception):
    """A peer that cannot be measured."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def environment(name, requirements=None):
    """The folder of a virtual environment with the requirements of that name, made where it is not there."""
    requirements = requirements or HERE / f"serving-requirements-{name}.txt"
    home = CACHE / f"serving-{name}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]}"
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"installing what {name} needs", file=sys.stderr)
        install = [str(home / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
        for command in [[sys.executable, "-m", "venv", str(home)], install]:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                raise NotHere(f"it cannot be installed: {done.stdout.strip().splitlines()[-1]}")
        (home / "ready").touch()
    return home


def shipped(paths):
    """Megabytes of what is at these paths, compressed as layers are."""
    compressor, size = zlib.compressobj(6, wbits=31), 0

    class Sink(io.RawIOBase):
        def write(self, part):
            nonlocal size
            size += len(compressor.compress(part))
            return len(part)

    # Installers and caches do not go into images.
    left_out = re.compile(r"/(pip|setuptools|__pycache__)(/|$)|\.dist-info/RECORD$")
    with tarfile.open(fileobj=Sink(), mode="w|", dereference=True) as archive:
        for path in paths:
            archive.add(path, filter=lambda info: None if left_out.search("/" + info.name) else info)
    return (size + len(compressor.flush())) / 1e6


def packages(home):
    return next((home / "lib").glob("python3*/site-packages"))


class Reference:
    name = "inference"

    def __init__(self, binary):
        self.binary = binary

    def start(self, folder, port):
        command = [self.binary, "serve", "--model", str(MODEL), "--host", "127.0.0.1", "--port", str(port)]
        return command, {"INFERENCE_LOG": "warn"}

    def ships(self):
        return [self.binary, MODEL / "model.onnx", MODEL / "model.json", MODEL / "golden.json"]


class FastApi:
    def __init__(self, workers):
        self.workers = workers
        self.name = f"FastAPI + ONNX Runtime, {workers} process{'es' if workers > 1 else ''}"

    def start(self, folder, port):
        (folder / "peer.py").write_text(FASTAPI)
        command = [str(environment("fastapi") / "bin/python"), "-m", "uvicorn", "peer:app", "--port", str(port)]
        return [*command, "--log-level", "warning", "--workers", str(self.workers), "--app-dir", str(folder)], {}

    def ships(self):
        return [packages(environment("fastapi")), MODEL / "model.onnx"]


class MlServer:
    name = "MLServer (scikit-learn)"
    # Trained once, by what trained the model that the others run.
    trained = None

    def start(self, folder, port):
        home = environment("mlserver")
        if MlServer.trained is None:
            trained = pathlib.Path(tempfile.mkdtemp()) / "model.joblib"
            code = (f"import sys; sys.path.insert(0, {str(MODEL)!r})\nimport joblib, numpy, train\n"
                    "rows = train.transactions(60_000, numpy.random.default_rng(train.SEED))\n"
                    f"joblib.dump(train.train(*rows), {str(trained)!r})\n")
            python = environment("train", MODEL / "requirements.txt") / "bin/python"
            done = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
            if done.returncode:
                raise NotHere(f"its model cannot be trained: {done.stderr.strip().splitlines()[-1]}")
            MlServer.trained = trained
        shutil.copy(MlServer.trained, folder / "model.joblib")
        (folder / "model-settings.json").write_text(json.dumps({
            "name": "fraud", "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "1"}}))
        (folder / "settings.json").write_text(json.dumps({
            "host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(),
            "debug": False}))
        return [str(home / "bin/mlserver"), "start", str(folder)], {}

    def ships(self):
        return [packages(environment("mlserver")), MlServer.trained]


def processes(pid):
    below = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *(other for child in below for other in processes(int(child)))]


def memory(pid):
    """Megabytes of a process and all below it."""
    kilobytes = 0
    for one in processes(pid):
        try:
            rollup = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        kilobytes += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1))
    return kilobytes / 1024


def first_answer(url, process, log):
    request = urllib.request.Request(url, BODY.encode(), {"Content-Type": "application/json"})
    give_up = time.monotonic() + 90
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise NotHere(f"it ended with {process.returncode}: {log.read_text(errors='replace').strip()[-300:]}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.002)
    raise NotHere("no answer in a minute and a half")


def wrk(url, script, seconds):
    command = ["wrk", "--threads", "1", "--connections", "16", "--duration", f"{seconds}s", "--latency", "--script",
               str(script), url]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise NotHere(f"it does not answer every request: {text.strip().splitlines()[-1]}")
    unit = {"us": 0.001, "ms": 1, "s": 1000}
    percentile = lambda name: next(  # noqa: E731
        float(value) * unit[of] for value, of in re.findall(rf"{name}%\s+([\d.]+)(us|ms|s)", text))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), percentile(50), percentile(99)


def measure(server, seconds):
    with tempfile.TemporaryDirectory() as name:
        folder, port = pathlib.Path(name), free_port()
        command, variables = server.start(folder, port)
        script, log = folder / "post.lua", folder / "log"
        script.write_text(f"wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\nwrk.body=[[{BODY}]]\n")
        with open(log, "wb") as out:
            began = time.monotonic()
            process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=out, stderr=out, cwd=folder,
                                       start_new_session=True)
        try:
            url = f"http://127.0.0.1:{port}/v2/models/fraud/infer"
            answer = first_answer(url, process, log)
            started = time.monotonic() - began
            if answer["outputs"][0]["data"] != [0]:
                raise NotHere(f"another answer than the others: {answer}")
            wrk(url, script, 2)
            rate, median, tail = wrk(url, script, seconds)
            return rate, median, tail, started * 1000, memory(process.pid)
        finally:
            # The whole session: servers of several processes do not always take them along.
            for kill in [signal.SIGTERM, signal.SIGKILL]:
                try:
                    os.killpg(process.pid, kill)
                    process.wait(10)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the model server to measure")
    parser.add_argument("--seconds", type=int, default=10, help="how long each server is measured")
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk")
    servers = [Reference(str(pathlib.Path(arguments.binary).resolve())), FastApi(1), FastApi(os.cpu_count() or 1),
               MlServer()]
    print("| server | requests/s | p50 ms | p99 ms | start ms | memory MB | shipped MB |\n|---|---:|---:|---:|---:|---:|---:|")
    ours, missing = None, 0
    for server in servers:
        try:
            rate, median, tail, started, held = measure(server, arguments.seconds)
            size = shipped(server.ships())
        except (NotHere, OSError, subprocess.SubprocessError) as error:
            missing += 1
            print(f"| {server.name} | not measured: {' '.join(str(error).split())} | | | | | |", flush=True)
            continue
        ours = ours or (rate, held, started)
        print(f"| {server.name} | {rate:,.0f} | {median:.2f} | {tail:.2f} | {started:.0f} | {held:.1f} | {size:.0f} |",
              flush=True)
        if server is not servers[0] and ours:
            print(f"  {servers[0].name} beside {server.name}: {ours[0] / rate:.1f} × the throughput, "
                  f"1/{held / ours[1]:.0f} of the memory, starts {started / ours[2]:.0f} × faster", file=sys.stderr)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
