"""A loop around boto3's client that does nothing else. Arguments: URL, threads, polls."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

url, threads, polls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = boto3.client(
    "entityresolution",
    endpoint_url=url,
    config=Config(max_pool_connections=threads, retries={"total_max_attempts": 1}),
)


def ask(numbers):
    for number in numbers:
        workflow, job_id = f"workflow-{number % 1000 // 100}", f"{number % 1000:032x}"
        answer = client.get_matching_job(workflowName=workflow, jobId=job_id)
        assert answer["status"] == "RUNNING", answer


def round_of(pool, polls):
    list(pool.map(ask, [range(start, polls, threads) for start in range(threads)]))


with ThreadPoolExecutor(threads) as pool:
    round_of(pool, 4 * threads)
    cpu, wall = time.process_time(), time.perf_counter()
    round_of(pool, polls)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(json.dumps({"polls": polls, "cpu_seconds": cpu, "seconds": wall}))
