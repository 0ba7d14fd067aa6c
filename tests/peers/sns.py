"""What the tests need of SNS, SQS and STS, done by boto3 against the endpoint given.

sns.py ENDPOINT subscribe TOPIC_NAME [FILTER_POLICY]   makes a topic and a queue that it feeds; prints both
sns.py ENDPOINT receive QUEUE_URL                      prints every message in the queue, in their order
sns.py ENDPOINT publisher                              makes a role that may publish; prints its ARN
"""

import json
import sys

import boto3


def client(service):
    return boto3.client(
        service,
        endpoint_url=sys.argv[1],
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def subscribe(topic_name, filter_policy=None):
    fifo = topic_name.endswith(".fifo")
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "false"} if fifo else {}
    topic = client("sns").create_topic(Name=topic_name, Attributes=attributes)["TopicArn"]
    attributes = {"FifoQueue": "true"} if fifo else {}
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName="to-" + topic_name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attributes = {"FilterPolicy": filter_policy} if filter_policy else {}
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return {"topic": topic, "queue": queue}


def receive(queue):
    """Each message as SNS tells it to a subscriber: body, attributes and, on FIFO, group."""
    sqs = client("sqs")
    received = []
    while messages := sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            notification = json.loads(message["Body"])
            received.append(
                {
                    "event": json.loads(notification["Message"]),
                    "attributes": {
                        name: attribute["Value"]
                        for name, attribute in notification.get("MessageAttributes", {}).items()
                    },
                    "group": message["Attributes"].get("MessageGroupId"),
                    "deduplication": message["Attributes"].get("MessageDeduplicationId"),
                }
            )
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return received


def publisher():
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    role = client("iam").create_role(
        RoleName="publisher", AssumeRolePolicyDocument=json.dumps(policy)
    )
    return role["Role"]["Arn"]


if __name__ == "__main__":
    task = {"subscribe": subscribe, "receive": receive, "publisher": publisher}[sys.argv[2]]
    print(json.dumps(task(*sys.argv[3:])))
