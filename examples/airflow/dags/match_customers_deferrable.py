"""Starts a matching job and sleeps until `matchwatch serve` tells how it ended. No worker waits meanwhile.

`matchwatch serve` runs beside Airflow with matchwatch.toml; its webhook ends at plugins/matchwatch_events.py.
"""

import json

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from matchwatch_events import MatchwatchJobSensor

with DAG("match_customers_deferrable", schedule=None, params={"workflow": "customers"}):
    start = BashOperator(
        task_id="start",
        # On one line, for XCom takes the last.
        bash_command='aws entityresolution start-matching-job --workflow-name "$WORKFLOW" --output json | tr -d "\\n"',
        # The CLI would send a start again whose answer is lost, which may start a second job.
        env={"WORKFLOW": "{{ params.workflow }}", "AWS_MAX_ATTEMPTS": "1"},
        append_env=True,
        output_processor=json.loads,
        retries=0,  # nor does Airflow
    )

    wait = MatchwatchJobSensor(
        task_id="wait",
        job_id="{{ ti.xcom_pull('start')['jobId'] }}",
        timeout=6 * 60 * 60,
    )

    start >> wait
