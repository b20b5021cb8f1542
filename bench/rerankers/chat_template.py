"""Our templates as chat templates (Jinja), for libraries that write a reranker's prompt from one.

The roles are those of sentence-transformers and vLLM: ``query``, ``document``, and ``system`` for the instruction.
"""

from __future__ import annotations

import json

from bench.rerankers.template import Template


def as_chat_template(template: Template) -> str:
    """Jinja that renders the three messages to ``template.text(instruction, query, document)``, character by character.

    A missing message renders as nothing: the template's default instruction is the caller's to give.
    """
    pieces = [_literal(template.system)]
    if template.takes_instruction:
        pieces += [
            _literal(template.before_instruction + template.gap),
            _content("system"),
            _literal(template.before_query),
        ]
    pieces += [
        _literal(template.gap),
        _content("query"),
        _literal(template.before_document + template.gap),
        _content("document"),
        _literal(template.tail),
    ]
    return "".join(pieces)


def _literal(text: str) -> str:
    """Text as a string expression: bare text would lose newlines to the options that transformers renders with."""
    return "{{ " + json.dumps(text) + " }}" if text else ""


def _content(role: str) -> str:
    chosen = f'messages | selectattr("role", "eq", "{role}") | map(attribute="content") | first | default("")'
    return "{{ " + chosen + " }}"
