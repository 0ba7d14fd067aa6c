"""What one writes with boto3: 32 threads, each asks about the job that is due next, and again 5 s after its answer.

The client is made before the jobs start. Reads one line from standard input: {"endpoint", "workflow", "jobs", "mode"}.
Writes a line for each job that ended, {"job", "at"}, and at last {"errors"}: calls that raised after all retries.
"""

import heapq
import json
import sys
import threading
import time

import boto3
from botocore.config import Config

INTERVAL = 5.0
THREADS = 32


def client(mode, endpoint):
    config = Config(retries={"mode": mode}, max_pool_connections=THREADS)
    return session.client("entityresolution", endpoint_url=endpoint, config=config)


session = boto3.Session()
# Loads what a client needs.
client("standard", "http://127.0.0.1:9")
print("ready", flush=True)

task = json.loads(sys.stdin.readline())
entityresolution = client(task["mode"], task["endpoint"])
changed = threading.Condition()
due = [(0.0, job) for job in task["jobs"]]
live = len(due)
errors = 0


def follow():
    global live, errors
    while True:
        with changed:
            while live and not (due and due[0][0] <= time.monotonic()):
                changed.wait(due[0][0] - time.monotonic() if due else None)
            if not live:
                return
            job = heapq.heappop(due)[1]
        failed, status = False, None
        try:
            answer = entityresolution.get_matching_job(workflowName=task["workflow"], jobId=job)
            status = answer["status"]
        except Exception:
            failed = True
        at = time.time()
        with changed:
            errors += failed
            if status in ("SUCCEEDED", "FAILED"):
                live -= 1
                print(json.dumps({"job": job, "at": at}), flush=True)
            else:
                heapq.heappush(due, (time.monotonic() + INTERVAL, job))
            changed.notify_all()


threads = [threading.Thread(target=follow) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"errors": errors}), flush=True)
