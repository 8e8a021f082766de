# SPDX-License-Identifier: GPL-2.0-or-later
"""Every message of the interface that ide-kmd has written down (--message-log), against docs/api.schema.json: a result
against what its request's verb gives.

A request is there if it was understood: what the controller takes is what the schema allows.
"""

import json
from collections import defaultdict
from pathlib import Path

import jsonschema

SCHEMA = json.loads((Path(__file__).resolve().parents[1] / "docs" / "api.schema.json").read_text())
SEEN = set()
VALIDATORS = {}


def validator(kind):
    if kind not in VALIDATORS:
        VALIDATORS[kind] = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]})
    return VALIDATORS[kind]


# What is different in every message and no more than a type to the schema.
FREE = {"id", "seq", "request", "instance", "asked_by", "message", "hint", "text", "value", "keyed_s", "due_in_s", "records",
        "bytes_at_most", "ivs_at_most", "not_before", "not_after", "rekeys", "time", "time_ms"}


def shape(value, name=None):
    """Equal for messages between which the schema makes no difference: one of them has to be validated."""
    if isinstance(value, dict):
        return tuple(sorted((k, shape(v, k)) for k, v in value.items()))
    if isinstance(value, list):
        return ("list", frozenset(shape(v) for v in value), min(len(value), 2))
    if name in FREE:
        return (type(value).__name__, isinstance(value, int) and value < 0, isinstance(value, str) and len(value) > 64,
                value == "")
    return (type(value).__name__, value)


def held(kind, message, line):
    """Why it does not fit, or None; what has fitted once is not looked at again."""
    known = (kind, shape(message))
    if known in SEEN:
        return None
    error = jsonschema.exceptions.best_match(validator(kind).iter_errors(message))
    if error:
        return f"no {kind} by docs/api.schema.json: {error.message}\n{line}"
    SEEN.add(known)
    return None


class Requests:
    """Which verbs of a connection have no reply yet, by the id that it chose; it may have chosen one twice."""

    def __init__(self):
        self.open = defaultdict(list)

    def take(self, client, request):
        self.open[client, json.dumps(request["id"])].append(request["verb"])

    def answered(self, client, reply, line):
        verbs = self.open[client, json.dumps(reply["id"])]
        error, result = reply.get("error"), reply.get("result")
        if error and error["step"] == "request" and result is None:
            return   # it may never have been understood
        assert verbs, f"a reply to no request\n{line}"
        if result is None:
            verbs.pop(0)
            return
        why = [held(f"result_of/properties/{verb}", result, line) for verb in verbs]
        assert None in why, why[0]
        del verbs[why.index(None)]


def check_messages(path):
    """Validates what has been written since the last time, and takes it away."""
    path = Path(path)
    if not path.is_file():   # a bench writes to /dev/null, which is not to be taken away
        return
    text, requests = path.read_text(errors="replace"), Requests()
    for line in text[:text.rfind("\n") + 1].splitlines():   # whoever was killed may not have written all of the last one
        entry = json.loads(line)
        kind, message = next(iter(entry.items()))
        why = held(kind, message, line)
        assert why is None, why
        if kind == "request":
            requests.take(entry["client"], message)
        elif kind == "reply":
            requests.answered(entry["client"], message, line)
    path.unlink()
