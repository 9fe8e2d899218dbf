"""Changes single values of a params file and leaves every other character as it is.

amended("pretrain:\\n  steps: 220   # updates\\n", {"pretrain.steps": 1200})
# pretrain:\\n  steps: 1200  # updates
"""

from __future__ import annotations

from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode


def amended(text: str, values: Mapping[str, int]) -> str:
    """The text of a YAML mapping with the scalars at these dotted keys replaced.

    A comment behind a value stays in its column where the new value leaves room. KeyError for a key that the
    file does not have.
    """
    root = YAML(typ="safe", pure=True).compose(text)
    spans = {key: _scalar_at(root, key) for key in values}
    for key, node in sorted(spans.items(), key=lambda found: found[1].start_mark.index, reverse=True):
        start, end = node.start_mark.index, node.end_mark.index
        behind = text[end:]
        gap = len(behind) - len(behind.lstrip(" "))
        value = str(values[key])
        if behind[gap:].startswith("#"):
            gap = max(1, end - start + gap - len(value))
        text = text[:start] + value + " " * gap + behind.lstrip(" ")
    return text


def _scalar_at(root: Node, key: str) -> ScalarNode:
    node: Node = root
    for name in key.split("."):
        children = node.value if isinstance(node, MappingNode) else []
        found = [value for label, value in children if label.value == name]
        if not found:
            raise KeyError(key)
        (node,) = found
    if not isinstance(node, ScalarNode):
        raise KeyError(key)
    return node
