"""A strict reader of tests/data/bot-api.json: does a value have the shape the documentation gives its type?"""

import json
from pathlib import Path
from typing import Any

SPEC = json.loads((Path(__file__).parents[1] / "data" / "bot-api.json").read_text("utf-8"))
# What tests/data/bot-api.json leaves out; returns as the documentation gives them.
SPEC["methods"].setdefault("answerCallbackQuery", {"returns": ["Boolean"]})
SPEC["methods"].setdefault("editMessageText", {"returns": ["Message", "Boolean"]})
PLAIN = {"Integer": int, "String": str, "Boolean": bool, "Float": (int, float)}


def complaints(value: Any, types: list[str], where: str = "$") -> list[str]:
    """What is wrong with `value`, which should be one of `types`; empty when nothing is."""
    tries = [complaints_of_type(value, name, where) for name in types]
    return min(tries, key=len)


def complaints_of_type(value: Any, name: str, where: str) -> list[str]:
    if name.startswith("Array of "):
        if not isinstance(value, list):
            return [f"{where}: expected an array, got {value!r}"]
        inner = name.removeprefix("Array of ")
        return [text for i, item in enumerate(value) for text in complaints(item, [inner], f"{where}[{i}]")]
    if name in PLAIN:
        is_right = isinstance(value, PLAIN[name]) and (name == "Boolean") == isinstance(value, bool)
        return [] if is_right else [f"{where}: expected {name}, got {value!r}"]
    if name == "True":
        return [] if value is True else [f"{where}: expected True, got {value!r}"]
    spec = SPEC["types"][name]
    if spec.get("subtypes"):
        return complaints(value, spec["subtypes"], where)
    return complaints_of_object(value, spec, where)


def complaints_of_object(value: Any, spec: dict[str, Any], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: expected {spec['name']}, got {value!r}"]
    fields = {field["name"]: field for field in spec.get("fields", [])}
    found = [f"{where}.{name}: unknown field of {spec['name']}" for name in value if name not in fields]
    found += [f"{where}.{name}: missing" for name, f in fields.items() if f["required"] and name not in value]
    for name in value.keys() & fields.keys():
        found += complaints(value[name], fields[name]["types"], f"{where}.{name}")
    return found


def result_complaints(method: str, result: Any) -> list[str]:
    return complaints(result, SPEC["methods"][method]["returns"])
