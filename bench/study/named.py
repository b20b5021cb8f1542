"""Instructions that come with the harness, by name: the published ones word for word, and each in the other language.

``official`` and ``official-eval`` are the defaults of Qwen3-Reranker's README and of its evaluation code, the second
with its original wording. The four domain instructions and ``tutorial-zh`` are those of a widely read Chinese tutorial.
What is no one's wording but ours is the translation, so that a difference between languages can be told from one
between meanings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Source = Literal["Qwen3-Reranker", "tutorial", "translated"]


@dataclass(frozen=True, slots=True)
class Known:
    """``language`` is a code such as zh; empty where there are no words."""

    text: str
    language: str
    source: Source | Literal[""]


NO_INSTRUCTION = "none"
"""An empty instruction: the prompt keeps its label and says nothing after it."""

LIBRARY: Mapping[str, Known] = {
    "official": Known(
        "Given a web search query, retrieve relevant passages that answer the query", "en", "Qwen3-Reranker"
    ),
    "official-zh": Known("给定一个网页搜索查询,检索能够回答该查询的相关段落", "zh", "translated"),
    "official-eval": Known("Given the user query, retrieval the relevant passages", "en", "Qwen3-Reranker"),
    "official-eval-zh": Known("给定用户查询,检索相关段落", "zh", "translated"),
    "tutorial-zh": Known("请判断该文档是否直接回答了查询问题", "zh", "tutorial"),
    "tutorial-en": Known("Judge whether the document directly answers the question of the query", "en", "translated"),
    "general-zh": Known("请判断该文档是否包含查询问题的直接答案", "zh", "tutorial"),
    "general-en": Known(
        "Judge whether the document contains a direct answer to the question of the query", "en", "translated"
    ),
    "legal-zh": Known("请从《中华人民共和国数据安全法》角度,判断该条款是否适用于查询场景", "zh", "tutorial"),
    "legal-en": Known(
        "From the angle of the Data Security Law of the People's Republic of China, judge whether the provision "
        "applies to the situation in the query",
        "en",
        "translated",
    ),
    "technical-zh": Known("请基于Python官方文档标准,判断该描述是否准确解释了查询中的API行为", "zh", "tutorial"),
    "technical-en": Known(
        "By the standard of Python's official documentation, judge whether the description explains the API "
        "behaviour in the query correctly",
        "en",
        "translated",
    ),
    "service-zh": Known("请判断该回复是否解决了用户查询中的核心诉求,而非仅提供背景信息", "zh", "tutorial"),
    "service-en": Known(
        "Judge whether the reply resolves the core need in the user's query, rather than only giving background "
        "information",
        "en",
        "translated",
    ),
    NO_INSTRUCTION: Known("", "", ""),
}
