"""What the tests need of IAM and STS, done by boto3 against the endpoint given.

roles.py ENDPOINT role NAME                makes a role that everybody may assume; prints its ARN
roles.py ENDPOINT caller KEY SECRET TOKEN  prints who has these credentials, and the time in seconds since 1970
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


def role(name):
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    made = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))
    return made["Role"]["Arn"]


def caller(key, secret, token):
    identity = client("sts", key, secret, token).get_caller_identity()
    return {"arn": identity["Arn"], "now": int(time.time())}


if __name__ == "__main__":
    print(json.dumps({"role": role, "caller": caller}[sys.argv[2]](*sys.argv[3:])))
