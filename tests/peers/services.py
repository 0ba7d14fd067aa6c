"""What the tests need of AWS, done by boto3 against the endpoint given.

services.py ENDPOINT subscribe TOPIC_NAME [FILTER_POLICY]   makes a topic and a queue that it feeds; prints both
services.py ENDPOINT queue QUEUE_NAME                       makes a queue; prints its URL
services.py ENDPOINT bus BUS_NAME PATTERN                   makes an event bus, and a queue that a rule feeds with what fits; prints its URL
services.py ENDPOINT receive QUEUE_URL                      prints every message in the queue, in their order
services.py ENDPOINT role                                   makes a role that anybody may assume; prints its ARN
services.py ENDPOINT caller KEY SECRET TOKEN                prints who has these credentials, and the time in seconds since 1970
"""

import json
import sys
import time

import boto3


def client(service, key="test", secret="test", token=None):
    return boto3.client(
        service,
        endpoint_url=sys.argv[1],
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def queue(name):
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    return client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def arn_of(url):
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return attributes["Attributes"]["QueueArn"]


def subscribe(topic_name, filter_policy=None):
    fifo = topic_name.endswith(".fifo")
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "false"} if fifo else {}
    topic = client("sns").create_topic(Name=topic_name, Attributes=attributes)["TopicArn"]
    url = queue("to-" + topic_name)
    attributes = {"FilterPolicy": filter_policy} if filter_policy else {}
    client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn_of(url), Attributes=attributes
    )
    return {"topic": topic, "queue": url}


def bus(name, pattern):
    events = client("events")
    events.create_event_bus(Name=name)
    events.put_rule(Name="all", EventBusName=name, EventPattern=pattern)
    url = queue("to-" + name)
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": arn_of(url)}])
    return url


def receive(url):
    """Each message with what its way adds to the event: SNS's notification, EventBridge's envelope, or nothing."""
    sqs = client("sqs")
    received = []
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            attributes = {
                name: attribute["StringValue"]
                for name, attribute in message.get("MessageAttributes", {}).items()
            }
            if "Message" in body:
                attributes = {
                    name: attribute["Value"]
                    for name, attribute in body.get("MessageAttributes", {}).items()
                }
            event = json.loads(body["Message"]) if "Message" in body else body.get("detail", body)
            received.append(
                {
                    "event": event,
                    "envelope": {key: body[key] for key in body if key != "detail"} if "detail" in body else None,
                    "attributes": attributes,
                    "group": message["Attributes"].get("MessageGroupId"),
                    "deduplication": message["Attributes"].get("MessageDeduplicationId"),
                }
            )
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return received


def role():
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    made = client("iam").create_role(
        RoleName="sender", AssumeRolePolicyDocument=json.dumps(policy)
    )
    return made["Role"]["Arn"]


def caller(key, secret, token):
    identity = client("sts", key, secret, token).get_caller_identity()
    return {"arn": identity["Arn"], "now": int(time.time())}


if __name__ == "__main__":
    tasks = [subscribe, queue, bus, receive, role, caller]
    task = next(task for task in tasks if task.__name__ == sys.argv[2])
    print(json.dumps(task(*sys.argv[3:])))
