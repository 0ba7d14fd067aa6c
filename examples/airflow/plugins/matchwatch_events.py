"""Brings events of `matchwatch serve` into Airflow: an endpoint for its webhook, and a sensor that waits for a job.

The endpoint is /matchwatch/events of Airflow's API server. It takes what is signed with MATCHWATCH_WEBHOOK_SECRET
(Standard Webhooks) and nothing else. How a job ended is kept in the variable matchwatch_job_<job id> until the sensor
has read it. Needs the package standardwebhooks.
"""

import asyncio
import json
import os
from datetime import timedelta

from airflow.exceptions import AirflowFailException
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseSensorOperator, Variable
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

app = FastAPI(title="matchwatch events")


def variable_of(job_id: str) -> str:
    return f"matchwatch_job_{job_id}"


@app.post("/events")
async def receive(request: Request) -> Response:
    # A secret that is missing here is a fault of ours: 500, so that matchwatch tries again when it is there.
    webhook = Webhook(os.environ["MATCHWATCH_WEBHOOK_SECRET"])
    body = await request.body()
    try:
        event = webhook.verify(body, dict(request.headers))
    except WebhookVerificationError:
        return Response(status_code=401)
    if event["data"].get("status") in ("SUCCEEDED", "FAILED"):
        await run_in_threadpool(keep, event["data"])
    return Response(status_code=204)


def keep(job: dict) -> None:
    # This one writes to Airflow's database; airflow.sdk's is for tasks.
    from airflow.models import Variable as StoredVariable

    StoredVariable.set(variable_of(job["jobId"]), job, serialize_json=True)


class MatchwatchJobTrigger(BaseTrigger):
    """Fires when the end of a job has been told."""

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self.job_id = job_id

    def serialize(self) -> tuple[str, dict]:
        return ("matchwatch_events.MatchwatchJobTrigger", {"job_id": self.job_id})

    async def run(self):
        get = sync_to_async(Variable.get)
        while True:
            # A look into Airflow's own database; AWS is asked by matchwatch alone.
            job = await get(variable_of(self.job_id), default=None)
            if job is not None:
                yield TriggerEvent(json.loads(job))
                return
            await asyncio.sleep(1)


class MatchwatchJobSensor(BaseSensorOperator):
    """Sleeps until a job has ended. Returns the job, or fails with the service's message."""

    template_fields = ("job_id",)

    def __init__(self, *, job_id: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def execute(self, context):
        self.defer(
            trigger=MatchwatchJobTrigger(self.job_id),
            method_name="ended",
            timeout=timedelta(seconds=self.timeout),
        )

    def ended(self, context, event: dict) -> dict:
        Variable.delete(variable_of(event["jobId"]))
        if event["status"] != "SUCCEEDED":
            reason = event.get("errorDetails", {}).get("errorMessage", "the service gave no reason")
            # Not retried: the job has ended, and nothing more will be told of it.
            raise AirflowFailException(f"job {event['jobId']} {event['status']}: {reason}")
        return event


class MatchwatchPlugin(AirflowPlugin):
    name = "matchwatch"
    fastapi_apps = [{"app": app, "url_prefix": "/matchwatch", "name": "matchwatch events"}]
