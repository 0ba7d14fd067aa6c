"""A state machine, executed by moto, that starts its job at the simulated Entity Resolution.

step_functions.py DEFINITION INPUT: prints the endpoint of moto, and, when the execution has ended, a line of JSON.
Moto plays no Entity Resolution, so that its client for that one is replaced.
"""

import json
import os
import sys
import threading
import time
import urllib.request

import boto3
import moto.server  # noqa: F401  brings in what is patched below
import moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk as aws_sdk
from moto.core.responses import EmptyResult
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.stepfunctions.responses import StepFunctionResponse

REGION = "eu-west-1"
of_moto = aws_sdk.boto_client_for


class EntityResolution:
    """Takes parameters and gives answers in PascalCase, as the SDK integrations of Step Functions do."""

    def __init__(self) -> None:
        endpoint = os.environ["AWS_ENDPOINT_URL_ENTITYRESOLUTION"]
        self.client = boto3.client("entityresolution", region_name=REGION, endpoint_url=endpoint)

    def __getattr__(self, name):
        operation = getattr(self.client, name)
        if not callable(operation):
            return operation
        lower = lambda key: key[0].lower() + key[1:]
        upper = lambda key: key[0].upper() + key[1:]

        def call(**parameters):
            answer = operation(**{lower(key): value for key, value in parameters.items()})
            return {upper(key): value for key, value in answer.items()}

        return call


def client_for(region, service, state_credentials=None):
    if service == "entityresolution":
        return EntityResolution()
    return of_moto(region=region, service=service, state_credentials=state_credentials)




def send_task_failure(response):
    told = {name: response._get_param(name) for name in ("error", "cause")}
    response.stepfunction_backend.send_task_failure(response._get_param("taskToken"), **told)
    return EmptyResult()


aws_sdk.boto_client_for = client_for
# Moto's own loses the cause.
StepFunctionResponse.send_task_failure = send_task_failure
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
# Where moto's state machines look for moto.
os.environ["MOTO_PORT"] = str(port)
config = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/config", method="POST", data=config))

dynamodb = boto3.client("dynamodb", region_name=REGION, endpoint_url=endpoint)
dynamodb.create_table(
    TableName="matchwatch-task-tokens",
    KeySchema=[{"AttributeName": "jobId", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "jobId", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
states = boto3.client("stepfunctions", region_name=REGION, endpoint_url=endpoint)
machine = states.create_state_machine(
    name="match",
    definition=open(sys.argv[1]).read(),
    roleArn="arn:aws:iam::123456789012:role/match",
)
print(endpoint, flush=True)
execution = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=sys.argv[2])
give_up_at = time.monotonic() + 120
while time.monotonic() < give_up_at:
    told = states.describe_execution(executionArn=execution["executionArn"])
    if told["status"] != "RUNNING":
        break
    time.sleep(0.1)
print(json.dumps({key: told.get(key) for key in ("status", "output", "error", "cause")}), flush=True)
