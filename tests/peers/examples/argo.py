"""Holds a workflow to the models that Hera makes of Argo's own schema, and runs its steps' containers here, in their order."""

import os
import re
import subprocess
import sys

import yaml
from hera.workflows.models import Workflow

given = yaml.safe_load(open(sys.argv[1]))
understood = Workflow.model_validate(given).model_dump(mode="json", by_alias=True, exclude_none=True)
if understood != given:
    sys.exit(f"Argo does not know all of it.\ngiven:      {given}\nunderstood: {understood}")

spec = given["spec"]
templates = {template["name"]: template for template in spec["templates"]}
known = {f"workflow.parameters.{each['name']}": each["value"] for each in spec["arguments"]["parameters"]}


def filled(text: str, values: dict) -> str:
    # What is not known is an error, as Argo has it.
    return re.sub(r"\{\{(.+?)\}\}", lambda match: values[match[1].strip()], text)


for group in templates[spec["entrypoint"]]["steps"]:
    for step in group:
        container = templates[step["template"]]["container"]
        given_to_it = step.get("arguments", {}).get("parameters", [])
        inputs = {f"inputs.parameters.{each['name']}": filled(each["value"], known) for each in given_to_it}
        arguments = [filled(argument, {**known, **inputs}) for argument in container["args"]]
        ran = subprocess.run(container["command"] + arguments, stdout=subprocess.PIPE, text=True)
        print(ran.stdout, end="", flush=True)
        if ran.returncode:
            sys.exit(ran.returncode)
        known[f"steps.{step['name']}.outputs.result"] = ran.stdout.strip()
