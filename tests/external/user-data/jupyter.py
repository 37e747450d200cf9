"""Starts JupyterLab as its unit does, on a port that is free, and asks it with its token and without."""

import re
import socket
import subprocess
import time
import urllib.error
import urllib.request

unit = open("/etc/systemd/system/workbench-jupyter.service", encoding="utf-8").read()
assert re.search("^User=ml$", unit, re.MULTILINE), unit
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
command = re.search("^ExecStart=(.+)$", unit, re.MULTILINE)[1].replace("--port=8888", f"--port={port}")
server = subprocess.Popen(
    ["su", "-", "ml", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
)
try:
    for line in server.stderr:
        print(line, end="")
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab\?token=(\w+)", line):
            break
    else:
        raise SystemExit("it ended without saying where it is")
    # It tells its address before it listens there.
    patience = time.monotonic() + 60
    while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
        assert time.monotonic() < patience and server.poll() is None, "it does not listen"
        time.sleep(0.05)
    address, token = f"http://127.0.0.1:{found[1]}/api/contents", found[2]
    with urllib.request.urlopen(f"{address}?token={token}", timeout=20) as answer:
        assert answer.status == 200
    try:
        urllib.request.urlopen(address, timeout=20)
        raise SystemExit("it answers without a token")
    except urllib.error.HTTPError as refusal:
        assert refusal.code == 403, refusal.code
finally:
    server.terminate()
