"""Runs a GitHub Actions workflow here, with matchwatch's own action in it, as far as both are scripts.

github.py WORKFLOW ACTION: both are first held to the schemas that SchemaStore keeps of GitHub's formats. Steps that use
other people's actions are named and passed over. Expressions are those of inputs, outputs and the runner alone.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

workflow_file, action_file = sys.argv[1:]
for schema, file in [("vendor.github-workflows", workflow_file), ("vendor.github-actions", action_file)]:
    check = ["-m", "check_jsonschema", "--builtin-schema", schema, file]
    subprocess.run([sys.executable, *check], check=True, stdout=sys.stderr)

OURS = re.compile(r"^matchwatch/matchwatch@")
workspace = Path(tempfile.mkdtemp())
paths, done = [], ["-"]


def filled(text, known: dict) -> str:
    def value(match) -> str:
        name = match[1].strip()
        # What a step did not write is empty; of a step that there is not, nothing is known.
        if name not in known and not re.fullmatch(rf"steps\.({'|'.join(done)})\.outputs\.[\w-]+", name):
            sys.exit(f"nothing is known of {name}, in {text!r}")
        return known.get(name, "")

    return re.sub(r"\$\{\{(.+?)\}\}", value, str(text))


def read_outputs(file: Path) -> dict:
    """The format of GITHUB_OUTPUT: name=value, or name<<DELIMITER, lines, DELIMITER."""
    outputs, lines = {}, iter(file.read_text().splitlines())
    for line in lines:
        if match := re.fullmatch(r"([^=<]+)<<(.+)", line):
            value = []
            while (line := next(lines)) != match[2]:
                value.append(line)
            outputs[match[1]] = "\n".join(value)
        else:
            name, _, value = line.partition("=")
            outputs[name] = value
    return outputs


def run_script(step: dict, known: dict) -> dict:
    files = {name: workspace / f"{name}-{len(known)}" for name in ("OUTPUT", "STEP_SUMMARY", "PATH")}
    for file in files.values():
        file.touch()
    env = {**os.environ, **{f"GITHUB_{name}": str(file) for name, file in files.items()}}
    env["GITHUB_ACTION_PATH"] = str(Path(action_file).parent)
    env["PATH"] = os.pathsep.join([*paths, env["PATH"]])
    env |= {name: filled(value, known) for name, value in step.get("env", {}).items()}
    script = workspace / "script.sh"
    script.write_text(filled(step["run"], known))
    # As the runner does for `shell: bash`.
    ran = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)], env=env)
    summary = files["STEP_SUMMARY"].read_text()
    if summary:
        print(f"--- summary\n{summary}---", flush=True)
    if ran.returncode:
        sys.exit(ran.returncode)
    paths.extend(files["PATH"].read_text().split())
    return read_outputs(files["OUTPUT"])


def run_steps(steps: list, known: dict) -> dict:
    for step in steps:
        if "run" in step:
            outputs = run_script(step, known)
        elif OURS.match(step["uses"]):
            action = yaml.safe_load(open(action_file))
            unknown = step.get("with", {}).keys() - action["inputs"].keys()
            if unknown:
                sys.exit(f"the action has no inputs {unknown}")
            inputs = {name: each.get("default", "") for name, each in action["inputs"].items()}
            inputs |= {name: filled(value, known) for name, value in step.get("with", {}).items()}
            within = {f"inputs.{name}": value for name, value in inputs.items()}
            within = run_steps(action["runs"]["steps"], within)
            outputs = {name: filled(each["value"], within) for name, each in action["outputs"].items()}
        else:
            print(f"passed over: {step['uses']}", file=sys.stderr)
            outputs = {}
        if "id" in step:
            done.append(step["id"])
            known |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()}
    return known


for job in yaml.safe_load(open(workflow_file))["jobs"].values():
    run_steps(job["steps"], {})
