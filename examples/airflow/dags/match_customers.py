"""Runs a matching workflow and waits for it, on a worker that has matchwatch on its PATH.

The task's XCom is the job as one line of JSON. For jobs of many hours see match_customers_deferrable.py, which holds
no worker meanwhile.
"""

import json

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG(
    "match_customers",
    schedule=None,
    max_active_runs=1,  # the service runs one matching job at a time
    params={"workflow": "customers"},
):
    match = BashOperator(
        task_id="match",
        # The shell passes SIGTERM on to what it was replaced by: matchwatch then says that the job goes on.
        bash_command='exec matchwatch run --workflow-name "$WORKFLOW" --timeout 4h',
        env={"WORKFLOW": "{{ params.workflow }}"},
        append_env=True,
        output_processor=json.loads,  # matchwatch prints one line: the job that ended
        retries=0,  # a retry would start a second job
    )

    @task
    def report(job: dict) -> None:
        metrics = job["metrics"]
        print(f"{metrics['matchIDs']} match ids from {metrics['inputRecords']} records")

    report(match.output)
