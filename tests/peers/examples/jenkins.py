"""Runs the `sh` steps of a Jenkinsfile in their order, as an agent does, after its syntax has been read as Groovy's.

Jenkins' own linter is a Jenkins server, and no package index has one: this is what can be had without.
"""

import os
import re
import subprocess
import sys

import tree_sitter
import tree_sitter_groovy

source = open(sys.argv[1], "rb").read()
tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language())).parse(source)
if tree.root_node.has_error:
    sys.exit(f"{sys.argv[1]} is not Groovy: {tree.root_node}")

text = source.decode()
parameters = dict(re.findall(r"string\(name: '(\w+)', defaultValue: '([^']*)'", text))
steps = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
if len(steps) != len(re.findall(r"\bsh\b", text)):
    sys.exit("a step is written in a way that this does not read")
for step in steps:
    script = step.replace("\\\\", "\\")
    subprocess.run(["sh", "-xe", "-c", script], env={**os.environ, **parameters}, check=True)
