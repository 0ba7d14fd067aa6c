"""boto3 against `matchwatch simulate`: run as `boto3_simulator.py URL CASE`; fails with a traceback."""

import json
import sys
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL, CASE = sys.argv[1:]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ROLE = "arn:aws:iam::210987654321:role/Writer"
CUSTOMERS_OUTPUT = [
    {
        "roleArn": ROLE,
        "outputS3Path": "s3://results/customers/",
        "KMSArn": "arn:aws:kms:eu-west-1:210987654321:key/1",
    }
]
HOUSEHOLDS_OUTPUT = [{"roleArn": ROLE, "outputS3Path": "s3://results/households/"}]
ID_MAPPING_METRICS = {
    name: number
    for number, name in enumerate(
        [
            "inputRecords",
            "totalRecordsProcessed",
            "recordsNotProcessed",
            "deleteRecordsProcessed",
            "totalMappedRecords",
            "totalMappedSourceRecords",
            "totalMappedTargetRecords",
            "uniqueRecordsLoaded",
            "newMappedRecords",
            "newMappedSourceRecords",
            "newMappedTargetRecords",
            "newUniqueRecordsLoaded",
            "mappedRecordsRemoved",
            "mappedSourceRecordsRemoved",
            "mappedTargetRecordsRemoved",
        ],
        start=1,
    )
}

client = boto3.client(
    "entityresolution",
    endpoint_url=URL,
    region_name="eu-west-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=30),
)


def job_id(last_digit):
    return "0" * 31 + last_digit


def ago(**delta):
    return START - timedelta(**delta)


def control(method, path, body):
    request = urllib.request.Request(
        f"{URL}/_simulator/{path}", json.dumps(body).encode(), method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def content(answer):
    metadata = answer.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 200, metadata
    assert len(metadata["RequestId"]) == 36, metadata
    return answer


def equal(found, wanted):
    assert found == wanted, f"\nfound  {found}\nwanted {wanted}"


def refused(exception, call, **arguments):
    """The call raises its modelled exception, with a message and a request id."""
    try:
        call(**arguments)
    except exception as error:
        assert error.response["Error"]["Message"], error.response
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return error.response
    raise AssertionError(f"{call.__name__} raised nothing")


CALLS = {
    "GetMatchingJob": (client.get_matching_job, {"workflowName": "customers", "jobId": job_id("a")}),
    "ListMatchingJobs": (client.list_matching_jobs, {"workflowName": "customers"}),
    "StartMatchingJob": (client.start_matching_job, {"workflowName": "customers"}),
    "ListMatchingWorkflows": (client.list_matching_workflows, {}),
    "GetIdMappingJob": (client.get_id_mapping_job, {"workflowName": "households", "jobId": job_id("e")}),
    "ListIdMappingJobs": (client.list_id_mapping_jobs, {"workflowName": "households"}),
    "StartIdMappingJob": (client.start_id_mapping_job, {"workflowName": "households"}),
    "ListIdMappingWorkflows": (client.list_id_mapping_workflows, {}),
}


def matching_answers():
    def get(digit):
        return content(client.get_matching_job(workflowName="customers", jobId=job_id(digit)))

    succeeded = {
        "jobId": job_id("a"),
        "status": "SUCCEEDED",
        "startTime": ago(minutes=59, seconds=59, milliseconds=877),
        "endTime": START,
        "metrics": {
            "inputRecords": 100,
            "totalRecordsProcessed": 95,
            "recordsNotProcessed": 3,
            "deleteRecordsProcessed": 2,
            "matchIDs": 60,
        },
        "outputSourceConfig": CUSTOMERS_OUTPUT,
    }
    failed = {
        "jobId": job_id("b"),
        "status": "FAILED",
        "startTime": ago(minutes=30),
        "endTime": START,
        "errorDetails": {"errorMessage": "Access to s3://input/ was denied."},
        "outputSourceConfig": CUSTOMERS_OUTPUT,
    }
    running = {
        "jobId": job_id("c"),
        "status": "RUNNING",
        "startTime": ago(minutes=20),
        "outputSourceConfig": CUSTOMERS_OUTPUT,
    }
    queued = {
        "jobId": job_id("d"),
        "status": "QUEUED",
        "startTime": ago(minutes=10),
        "outputSourceConfig": CUSTOMERS_OUTPUT,
    }
    for digit, wanted in zip("abcd", [succeeded, failed, running, queued]):
        equal(get(digit), wanted)

    summary = ("jobId", "status", "startTime", "endTime")
    summaries = [
        {member: job[member] for member in summary if member in job}
        for job in (queued, running, failed, succeeded)
    ]
    equal(content(client.list_matching_jobs(workflowName="customers")), {"jobs": summaries})

    started = content(client.start_matching_job(workflowName="customers"))
    equal(list(started), ["jobId"])
    job = content(client.get_matching_job(workflowName="customers", **started))
    equal((job["jobId"], job["status"]), (started["jobId"], "RUNNING"))

    arn = "arn:aws:entityresolution:eu-west-1:210987654321:matchingworkflow"
    workflows = content(client.list_matching_workflows())["workflowSummaries"]
    made = workflows[0]["createdAt"]
    assert made < START, made
    equal(
        workflows,
        [
            {
                "workflowName": name,
                "workflowArn": f"{arn}/{name}",
                "createdAt": made,
                "updatedAt": made,
                "resolutionType": resolution,
            }
            for name, resolution in [("customers", "ML_MATCHING"), ("suppliers", "RULE_MATCHING")]
        ],
    )


def id_mapping_answers():
    households = {"workflowName": "households"}
    wanted = {
        "jobId": job_id("e"),
        "status": "SUCCEEDED",
        "startTime": ago(minutes=5),
        "endTime": START,
        "metrics": ID_MAPPING_METRICS,
        "outputSourceConfig": HOUSEHOLDS_OUTPUT,
        "jobType": "INCREMENTAL",
    }
    equal(content(client.get_id_mapping_job(**households, jobId=job_id("e"))), wanted)
    arn = "arn:aws:entityresolution:eu-west-1:210987654321:idmappingworkflow"
    by_arn = client.get_id_mapping_job(workflowName=f"{arn}/households", jobId=job_id("e"))
    equal(content(by_arn), wanted)

    summary = {member: wanted[member] for member in ("jobId", "status", "startTime", "endTime")}
    equal(content(client.list_id_mapping_jobs(**households)), {"jobs": [summary]})

    plain = content(client.start_id_mapping_job(**households))
    equal(
        plain,
        {"jobId": plain["jobId"], "outputSourceConfig": HOUSEHOLDS_OUTPUT, "jobType": "BATCH"},
    )
    output = [{"roleArn": ROLE, "outputS3Path": "s3://elsewhere/", "KMSArn": "arn:aws:kms:eu-west-1:1:key/2"}]
    asked = {"outputSourceConfig": output, "jobType": "DELETE_ONLY"}
    started = content(client.start_id_mapping_job(**households, **asked))
    equal(started, {"jobId": started["jobId"], **asked})
    job = content(client.get_id_mapping_job(**households, jobId=started["jobId"]))
    equal((job["status"], job["outputSourceConfig"], job["jobType"]), ("QUEUED", output, "DELETE_ONLY"))

    workflows = content(client.list_id_mapping_workflows())["workflowSummaries"]
    made = workflows[0]["createdAt"]
    equal(
        workflows,
        [
            {"workflowName": name, "workflowArn": f"{arn}/{name}", "createdAt": made, "updatedAt": made}
            for name in ("households", "devices")
        ],
    )


def pages():
    def paginated(operation, member, name, size, **arguments):
        config = {"PageSize": size} if size else {}
        found = client.get_paginator(operation).paginate(**arguments, PaginationConfig=config)
        lists = [page[member] for page in found]
        keys = [entry[name] for entries in lists for entry in entries]
        return [len(entries) for entries in lists], keys

    for operation, workflow in [("list_matching_jobs", "suppliers"), ("list_id_mapping_jobs", "devices")]:
        for size, sizes in [(None, [25, 25, 10]), (25, [25, 25, 10]), (20, [20, 20, 20]), (7, [7] * 8 + [4])]:
            found, ids = paginated(operation, "jobs", "jobId", size, workflowName=workflow)
            equal(found, sizes)
            equal(len(set(ids)), 60)
    for operation, names in [
        ("list_matching_workflows", ["customers", "suppliers"]),
        ("list_id_mapping_workflows", ["households", "devices"]),
    ]:
        found = paginated(operation, "workflowSummaries", "workflowName", 1)
        equal(found, ([1, 1], names))


def errors_of_requests():
    """What a wrong request is answered."""
    errors = client.exceptions
    for get, lists, start, workflow in [
        (client.get_matching_job, client.list_matching_jobs, client.start_matching_job, "customers"),
        (client.get_id_mapping_job, client.list_id_mapping_jobs, client.start_id_mapping_job, "households"),
    ]:
        name = {"workflowName": workflow}
        refused(errors.ResourceNotFoundException, get, **name, jobId=job_id("f"))
        refused(errors.ResourceNotFoundException, get, workflowName="suppliers", jobId=job_id("a"))
        for call in (lists, start):
            refused(errors.ResourceNotFoundException, call, workflowName="nobody")
            refused(errors.ValidationException, call, workflowName="no body")
        for wrong in ("1", job_id("A"), job_id("a") + "0", "a/b"):
            refused(errors.ValidationException, get, **name, jobId=wrong)
        refused(errors.ValidationException, lists, **name, maxResults=26)
        refused(errors.ValidationException, lists, **name, nextToken="ab")
    refused(errors.ValidationException, client.list_matching_jobs, workflowName="a" * 256)
    refused(errors.ValidationException, client.get_id_mapping_job, workflowName="arn:aws:s3:::a", jobId=job_id("e"))
    for workflows in (client.list_matching_workflows, client.list_id_mapping_workflows):
        refused(errors.ValidationException, workflows, maxResults=26)
        refused(errors.ValidationException, workflows, nextToken="no/such/token")
    start, name = client.start_id_mapping_job, {"workflowName": "households"}
    refused(errors.ValidationException, start, **name, jobType="SOME")
    for role, path in [(ROLE.replace("iam", "sts"), "s3://results/"), (ROLE, "/tmp")]:
        output = [{"roleArn": role, "outputS3Path": path}]
        refused(errors.ValidationException, start, **name, outputSourceConfig=output)


def errors_of_the_service():
    """Every modelled error of every operation, on demand."""
    for operation, (call, arguments) in CALLS.items():
        modelled = client.meta.service_model.operation_model(operation).error_shapes
        for shape in modelled:
            answer = {
                "ThrottlingException": "throttled",
                "InternalServerException": "error-500",
                "ResourceNotFoundException": "not-found",
                "AccessDeniedException": "access-denied",
                "ValidationException": "invalid",
                "ConflictException": "conflict",
                "ExceedsLimitException": "exceeds-limit",
            }[shape.name]
            control("POST", "answers", {"operation": operation, "answer": answer})
            response = refused(getattr(client.exceptions, shape.name), call, **arguments)
            wanted = shape.metadata["error"]["httpStatusCode"]
            equal(response["ResponseMetadata"]["HTTPStatusCode"], wanted)
            if shape.name == "ExceedsLimitException":
                equal((response["quotaName"], response["quotaValue"]), ("Simulated jobs", 1))
            if shape.name == "AccessDeniedException":
                assert f"entityresolution:{operation}" in response["Error"]["Message"], response
        content(call(**arguments))


def limits_and_denials():
    for operation, (call, arguments) in CALLS.items():
        control("PUT", "limits", {operation: {"rate": 0.0001, "capacity": 1}})
        call(**arguments)
        refused(client.exceptions.ThrottlingException, call, **arguments)
        control("PUT", "limits", {operation: "unlimited"})
        control("PUT", "denials", [{"operation": operation}])
        refused(client.exceptions.AccessDeniedException, call, **arguments)
        control("PUT", "denials", [])
        call(**arguments)


def expired_token():
    """Not modelled, yet what every AWS service answers."""
    control("POST", "answers", {"operation": "GetMatchingJob", "answer": "expired-token"})
    call, arguments = CALLS["GetMatchingJob"]
    response = refused(ClientError, call, **arguments)
    equal(response["Error"]["Code"], "ExpiredTokenException")


{
    case.__name__: case
    for case in (
        matching_answers,
        id_mapping_answers,
        pages,
        errors_of_requests,
        errors_of_the_service,
        limits_and_denials,
        expired_token,
    )
}[CASE]()
