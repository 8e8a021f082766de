# SPDX-License-Identifier: GPL-2.0-or-later
"""Every message of the interface that ide-kmd has written down (--message-log), against docs/api.schema.json.

A request is there if it was understood: what the controller takes is what the schema allows.
"""

import json
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


def check_messages(path):
    """Validates what has been written since the last time, and takes it away."""
    path = Path(path)
    if not path.is_file():   # a bench writes to /dev/null, which is not to be taken away
        return
    text = path.read_text(errors="replace")
    for line in text[:text.rfind("\n") + 1].splitlines():   # whoever was killed may not have written all of the last one
        entry = json.loads(line)
        kind, message = next(iter(entry.items()))
        known = (kind, shape(message))
        if known not in SEEN:
            error = jsonschema.exceptions.best_match(validator(kind).iter_errors(message))
            assert error is None, f"no {kind} by docs/api.schema.json: {error.message}\n{line}"
            SEEN.add(known)
    path.unlink()
