"""The words around a query and a document, as each published template has them.

=========== ============================================================================================ ===========
name        where it comes from                                                                          instruction
=========== ============================================================================================ ===========
qwen3       the README of Qwen3-Reranker (transformers part): fields joined by one newline               yes
qwen3-eval  its evaluation and vLLM code: fields joined by two newlines, and the answer's opening put     yes
            behind a chat template that has already closed the user's turn, so the prompt ends
            ``<|im_end|>\\n<|im_end|>\\n<|im_start|>assistant\\n…``
none        neither system turn, instruction, labels nor answer turn: the query, a newline, the document;  no
            "yes" or "no" is read as the document's next word
=========== ============================================================================================ ===========

The published evaluation code cuts the chat-formatted prompt to ``max_length`` and adds the suffix after that: a cut
prompt there loses its first closing mark and is up to nine tokens longer than asked. Here both variants keep every
constant part and the whole prompt stays within ``max_length``.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.types import ConfigError

SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
SYSTEM_TURN = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
ANSWER_TURN = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


@dataclass(frozen=True, slots=True)
class Template:
    """Five pieces of text. A piece is the unit of tokenisation, so each ends where the tokens of the whole prompt do.

    The space after a label begins the piece of the data behind it, because Qwen's pre-tokeniser ties a space to the
    word that follows; and the newline and label that follow a text end that text's piece, because it ties a newline to
    the punctuation before it (``?\\n`` is one token).
    """

    name: str
    system: str
    before_instruction: str
    before_query: str
    before_document: str
    gap: str
    tail: str
    takes_instruction: bool
    default_instruction: str

    def instruction_piece(self, instruction: str) -> str:
        if not self.takes_instruction:
            return ""
        return f"{self.before_instruction}{self.gap}{instruction}{self.before_query}"

    def query_piece(self, query: str) -> str:
        return f"{self.gap}{query}{self.before_document}"

    def document_piece(self, document: str) -> str:
        return f"{self.gap}{document}"

    def text(self, instruction: str, query: str, document: str) -> str:
        """The whole prompt as one string, which is what the published code tokenises."""
        head = f"{self.system}{self.instruction_piece(instruction)}{self.query_piece(query)}"
        return f"{head}{self.document_piece(document)}{self.tail}"


TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template(
            name="qwen3",
            system=SYSTEM_TURN,
            before_instruction="<Instruct>:",
            before_query="\n<Query>:",
            before_document="\n<Document>:",
            gap=" ",
            tail=ANSWER_TURN,
            takes_instruction=True,
            default_instruction="Given a web search query, retrieve relevant passages that answer the query",
        ),
        Template(
            name="qwen3-eval",
            system=SYSTEM_TURN,
            before_instruction="<Instruct>:",
            before_query="\n\n<Query>:",
            before_document="\n\n<Document>:",
            gap=" ",
            tail="<|im_end|>\n" + ANSWER_TURN,
            takes_instruction=True,
            default_instruction="Given the user query, retrieval the relevant passages",
        ),
        Template(
            name="none",
            system="",
            before_instruction="",
            before_query="",
            before_document="\n",
            gap="",
            tail="",
            takes_instruction=False,
            default_instruction="",
        ),
    )
}


def find_template(name: str) -> Template:
    """The template of that name. Raises ConfigError listing the known ones."""
    if name not in TEMPLATES:
        raise ConfigError(f"unknown template {name!r}; known: {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


def default_instruction(name: str) -> str:
    """What the template of that name says when nobody gives an instruction. Raises ConfigError as ``find_template``."""
    return find_template(name).default_instruction
