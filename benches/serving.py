"""The model server beside Python peers, on the same model, on this machine, one after the other.

    pip install -r benches/serving-requirements.txt; apt-get install wrk
    python benches/serving.py target/release/inference

Each server answers the same request of one row (Open Inference Protocol v2) from wrk with 16 connections for 10 s over
loopback, after 2 s to warm up. Measured: requests a second, the median and 99th percentile of latency, from the start
of the process to the first answer, and the resident memory after the load (of all its processes). What does not
install is said and left out. The load and the server share the machine's processors; that is the same for all.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "inference" / "model"
ROW = [19.12, 19, 837.2, 1907.2, 1, 0.97, 0.14, 0, 1, 0, 1012.6]
BODY = json.dumps({"inputs": [{"name": "features", "shape": [1, 11], "datatype": "FP32", "data": ROW}]})

FASTAPI = f'''
import numpy, onnxruntime
from fastapi import FastAPI
session = onnxruntime.InferenceSession({str(MODEL / "model.onnx")!r}, providers=["CPUExecutionProvider"])
app = FastAPI()
@app.post("/v2/models/fraud/infer")
def infer(body: dict):
    given = body["inputs"][0]
    label, probabilities = session.run(None, {{"features": numpy.array(given["data"], numpy.float32).reshape(given["shape"])}})
    return {{"model_name": "fraud", "outputs": [
        {{"name": "label", "shape": label.shape, "datatype": "INT64", "data": label.tolist()}},
        {{"name": "probabilities", "shape": probabilities.shape, "datatype": "FP32", "data": probabilities.ravel().tolist()}}]}}
'''


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def reference(binary, folder, port):
    environment = {"INFERENCE_LOG": "warn"}
    return [binary, "serve", "--model", str(MODEL), "--host", "127.0.0.1", "--port", str(port)], environment


def fastapi(folder, port):
    import fastapi, onnxruntime, uvicorn  # noqa: F401  (only whether they are there)

    (folder / "peer.py").write_text(FASTAPI)
    command = [sys.executable, "-m", "uvicorn", "peer:app", "--port", str(port), "--log-level", "warning"]
    return [*command, "--app-dir", str(folder)], {}


def mlserver(folder, port):
    import joblib
    import mlserver  # noqa: F401
    import mlserver_sklearn  # noqa: F401

    sys.path.insert(0, str(MODEL))
    import numpy
    import train

    joblib.dump(train.train(*train.transactions(60_000, numpy.random.default_rng(train.SEED))), folder / "model.joblib")
    (folder / "model-settings.json").write_text(json.dumps({
        "name": "fraud", "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "1"}}))
    (folder / "settings.json").write_text(json.dumps({
        "host": "127.0.0.1", "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "debug": False}))
    # The script beside the interpreter, wherever that is.
    return [str(pathlib.Path(sys.executable).parent / "mlserver"), "start", str(folder)], {}


def resident(pid):
    """Kilobytes of a process and all below it."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    own = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return (int(own.group(1)) if own else 0) + sum(resident(int(child)) for child in children)


def first_answer(url, process):
    request = urllib.request.Request(url, BODY.encode(), {"Content-Type": "application/json"})
    for _ in range(12_000):
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.005)
    raise RuntimeError("no answer in a minute")


def wrk(url, script, seconds):
    command = ["wrk", "--threads", "1", "--connections", "16", "--duration", f"{seconds}s", "--latency", "--script", script, url]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    if "Non-2xx" in text:
        raise RuntimeError(text)
    unit = {"us": 0.001, "ms": 1, "s": 1000}
    percentile = lambda name: next(  # noqa: E731
        float(value) * unit[of] for value, of in re.findall(rf"{name}%\s+([\d.]+)(us|ms|s)", text))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), percentile(50), percentile(99)


def measure(start):
    with tempfile.TemporaryDirectory() as name:
        folder, port = pathlib.Path(name), free_port()
        command, environment = start(folder, port)
        script = folder / "post.lua"
        script.write_text(f"wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\nwrk.body=[[{BODY}]]\n")
        with open(folder / "log", "wb") as log:
            began = time.monotonic()
            process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log, cwd=folder)
        try:
            url = f"http://127.0.0.1:{port}/v2/models/fraud/infer"
            first_answer(url, process)
            started = time.monotonic() - began
            wrk(url, str(script), 2)
            rate, median, tail = wrk(url, str(script), 10)
            return rate, median, tail, started, resident(process.pid) / 1024
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main():
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed: apt-get install wrk")
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    servers = {
        "inference": lambda folder, port: reference(binary, folder, port),
        "FastAPI + ONNX Runtime": fastapi,
        "MLServer (scikit-learn)": mlserver,
    }
    print("| server | requests/s | p50 ms | p99 ms | start ms | memory MB |\n|---|---:|---:|---:|---:|---:|")
    for name, start in servers.items():
        try:
            rate, median, tail, started, memory = measure(start)
            print(f"| {name} | {rate:,.0f} | {median:.2f} | {tail:.2f} | {started * 1000:.0f} | {memory:.0f} |", flush=True)
        except (ImportError, RuntimeError, FileNotFoundError) as error:
            print(f"| {name} | not measured: {str(error).splitlines()[0]} | | | | |", flush=True)


if __name__ == "__main__":
    main()
