"""YAML that strangers wrote -> text, numbers, true, false, null, lists and mappings, and nothing else; or one fault.

What YAML does behind a writer's back is a fault here or is not done: a key that stands twice is refused rather than
the first of them forgotten; keys are texts as written (``on``, ``1``); dates, ``010`` and ``12:30`` are texts and no
numbers of another base; infinities, control characters, tags and references that multiply are refused. A text costs
no more than a small multiple of its length to read, whatever is in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

DEEPEST = 40
"""Levels of lists and mappings within each other."""
MOST_VALUES = 200_000
"""Of a whole text, those behind a reference counted each time, and long texts as several."""
_LONG = 32
"""Characters of a text that count as a value of their own."""
LARGEST_NUMBER = 2**63
_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_DECIMAL = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_TEXTS = (f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value")


class YamlError(ValueError):
    """What is wrong with a text, and the line of it (from 1), where one is to blame."""

    def __init__(self, said: str, line: int | None = None) -> None:
        super().__init__(said)
        self.line = line


@dataclass(frozen=True, slots=True)
class Parsed:
    """``root`` knows on which line everything stands; None for an empty text."""

    tree: Any
    root: yaml.Node | None


def parse(text: str) -> Parsed:
    """Raises YamlError."""
    loader: Any = None
    try:
        loader = _Loader(text)
        root: yaml.Node | None = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        at = text.count("\n", 0, error.position) + 1
        raise YamlError(
            f"it holds the character {_code(int(error.character))}, which YAML does not allow", at
        ) from error
    except yaml.MarkedYAMLError as error:
        raise _retold(error) from error
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as the escape \U00110000, of no character
        line = loader.line + 1 if loader is not None else None
        raise YamlError("not valid YAML: an escape or a number in it stands for nothing", line) from error
    if root is None:
        return Parsed(None, None)
    _weigh(root, {}, set())
    return Parsed(_value(root), root)


def line_of(root: yaml.Node | None, keys: tuple[str | int, ...]) -> int | None:
    """The line on which what these keys lead to begins, or the nearest thing around it; None for the whole text."""
    node, line = root, None
    for key in keys:
        found = _step(node, key)
        if found is None:
            break
        line, node = found
    return line


# ----------------------------------------------------------------------------------------------------- reading


class _Loader(yaml.SafeLoader):
    """Stops where things lie too deep in each other, before its own methods call themselves too often."""

    depth = 0

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Said here too, for what reads ahead takes the square of the brackets that are open."""
        if self.flow_level >= DEEPEST:
            raise YamlError(f"more than {DEEPEST} lists and mappings within each other", self.line + 1)
        super().fetch_flow_collection_start(token)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth >= DEEPEST:
            raise YamlError(f"more than {DEEPEST} lists and mappings within each other", self.line + 1)
        self.depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self.depth -= 1
        return node


def _weigh(node: yaml.Node, known: dict[int, tuple[int, int]], around: set[int]) -> tuple[int, int]:
    """How many values a node holds and how deep they lie, once all references are followed. Raises YamlError.

    A reference is to something above it, which is then known or still being weighed, so nothing is gone through twice.
    """
    if id(node) in known:
        return known[id(node)]
    if id(node) in around:
        raise YamlError("something refers to itself by an alias (*)", _line(node))
    around.add(id(node))
    count, depth = 1 + (len(node.value) // _LONG if isinstance(node, yaml.ScalarNode) else 0), 0
    for inner in _children(node):
        more, deeper = _weigh(inner, known, around)
        count, depth = count + more, max(depth, deeper)
    around.discard(id(node))
    if count > MOST_VALUES:
        raise YamlError(f"more than {MOST_VALUES:,} values, those that aliases (*) repeat included", _line(node))
    if depth >= DEEPEST:
        raise YamlError(f"more than {DEEPEST} lists and mappings within each other, by aliases (*)", _line(node))
    known[id(node)] = count, depth + 1
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        _check_tag(node, "map")
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        _check_tag(node, "seq")
        return [_value(each) for each in node.value]
    return _scalar(node)


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    """What ``<<`` brings in comes first, and gives way to what the mapping says itself."""
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    first: dict[str, int] = {}
    for key_node, value_node in node.value:
        key = _key(key_node)
        if key in first:
            raise YamlError(
                f"the key {key!r} is here a second time; the first is on line {first[key]}", _line(key_node)
            )
        first[key] = _line(key_node)
        if _merges(key_node):
            for each in _sources(value_node):
                for name, value in _mapping(each).items():
                    merged.setdefault(name, value)
        else:
            own[key] = _value(value_node)
    return {**merged, **own}


def _sources(node: yaml.Node) -> list[yaml.MappingNode]:
    """The mappings behind ``<<``, of which the first wins."""
    given = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for each in given:
        if not isinstance(each, yaml.MappingNode):
            raise YamlError("<< takes a mapping or a list of mappings, such as <<: *shared", _line(node))
    return list(given)


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise YamlError("a list or a mapping stands where a key should; put a text in quotes", _line(node))
    if not node.value.strip():
        raise YamlError("a key is empty; give it a name, or take the colon away", _line(node))
    return _text(node)


def _scalar(node: yaml.Node) -> Any:
    kind, said = node.tag.removeprefix(_TAG), str(node.value)
    if node.tag in _TEXTS:
        return _text(node)
    if kind == "null":
        return None
    if kind == "bool" and said.lower() in yaml.SafeLoader.bool_values:
        return yaml.SafeLoader.bool_values[said.lower()]
    if kind == "int":
        return _whole(node, said) if _WHOLE.fullmatch(said) else _text(node)
    if kind == "float":
        return _decimal(node, said)
    raise YamlError(f"the tag {_tag(node)} is not read here; leave it out", _line(node))


def _whole(node: yaml.Node, said: str) -> int:
    digits = said.replace("_", "")
    if len(digits) > 20 or abs(int(digits)) >= LARGEST_NUMBER:
        raise YamlError(f"the number {_short(said)} is larger than any that is of use here", _line(node))
    return int(digits)


def _decimal(node: yaml.Node, said: str) -> Any:
    if said.lstrip("+-").lower() in (".inf", ".nan"):
        raise YamlError(f"{said} is no number that can be worked with; leave it out, or give one", _line(node))
    if not _DECIMAL.fullmatch(said):
        return _text(node)
    number = float(said.replace("_", ""))
    if not math.isfinite(number):
        raise YamlError(f"the number {_short(said)} is larger than any that is of use here", _line(node))
    return number


def _text(node: yaml.Node) -> str:
    """Surrogates in pairs, as JSON escapes have them, become the character that they stand for."""
    said = str(node.value)
    try:
        said = said.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise YamlError("a text holds half a character (a lone surrogate, \\ud800 to \\udfff)", _line(node)) from error
    if found := _UNSEEN.search(said):
        raise YamlError(f"a text holds the control character {_code(ord(found[0]))}; leave it out", _line(node))
    return said


# ------------------------------------------------------------------------------------------------------- small


def _step(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and 0 <= key < len(node.value):
        return _line(node.value[key]), node.value[key]
    return _pairs(node).get(key) if isinstance(node, yaml.MappingNode) else None


def _pairs(node: Any) -> dict[str | int, tuple[int, yaml.Node]]:
    """Key -> its line and its value's node; made once and left at the node, for a large config is asked often."""
    if not hasattr(node, "pairs"):
        found: dict[str | int, tuple[int, yaml.Node]] = {}
        for key_node, value_node in node.value:
            if _merges(key_node):
                for each in _sources(value_node):
                    for name, pair in _pairs(each).items():
                        found.setdefault(name, pair)
        node.pairs = found | {_text(key): (_line(key), value) for key, value in node.value if not _merges(key)}
    pairs: dict[str | int, tuple[int, yaml.Node]] = node.pairs
    return pairs


def _merges(key: yaml.Node) -> bool:
    return bool(key.tag == f"{_TAG}merge")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _check_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise YamlError(f"the tag {_tag(node)} is not read here; leave it out", _line(node))


def _tag(node: yaml.Node) -> str:
    tag = str(node.tag)
    return _short(f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text):,} characters)"


def _code(point: int) -> str:
    return f"U+{point:04X}"


_ADVICE = {
    "cannot start any token": "begin lines with spaces, not with a tab, and put texts with such characters in quotes",
    "mapping values are not allowed": "a text that holds ': ' needs quotes",
    "expected <block end>": "mind that lines of one list or mapping begin at the same column",
    "expected a single document": "leave out the line of three dashes",
    "found undefined alias": "an alias (*) repeats what an anchor (&) marks further up",
}  # fmt: skip


def _retold(error: yaml.MarkedYAMLError) -> YamlError:
    """What PyYAML says on several lines, on one."""
    mark = error.problem_mark or error.context_mark
    said = " ".join(str(each) for each in (error.context, error.problem) if each)
    if error.problem and str(error.context).startswith("while"):
        begun = "" if error.context_mark is None else f", begun on line {error.context_mark.line + 1}"
        said = f"{error.problem} {error.context}{begun}"
    advice = next((f"; {text}" for part, text in _ADVICE.items() if part in said), "")
    return YamlError(f"not valid YAML: {said}{advice}", None if mark is None else mark.line + 1)
