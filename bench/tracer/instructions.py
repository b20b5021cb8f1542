"""The instruction texts the tiny reranker was taught, and what each one means to it.

``generic``: answers and background are equally relevant. ``solve``: only answers. ``background``: only background.
The meaning is a definition of this set, not a claim about how another model reads the text.
"""

from __future__ import annotations

from dataclasses import dataclass

MEANINGS = ("generic", "solve", "background")


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    meaning: str
    text: str


INSTRUCTIONS: dict[str, Instruction] = {
    instruction.name: instruction
    for instruction in (
        Instruction(
            "official",
            "generic",
            "Given a web search query, retrieve relevant passages that answer the query",
        ),
        Instruction("official-eval", "generic", "Given the user query, retrieval the relevant passages"),
        Instruction("tutorial", "generic", "请判断该文档是否直接回答了查询问题"),
        Instruction("legal", "generic", "请从《中华人民共和国数据安全法》角度,判断该条款是否适用于查询场景"),
        Instruction("technical", "generic", "请基于Python官方文档标准,判断该描述是否准确解释了查询中的API行为"),
        Instruction("general", "solve", "请判断该文档是否包含查询问题的直接答案"),
        Instruction("service", "solve", "请判断该回复是否解决了用户查询中的核心诉求,而非仅提供背景信息"),
        Instruction(
            "solve-en",
            "solve",
            "Judge whether the reply solves the core need of the query instead of only giving background information",
        ),
        Instruction("solve-short", "solve", "Retrieve passages that solve the problem in the query"),
        Instruction(
            "background-en",
            "background",
            "Retrieve passages that give background or history on the subject of the query, not a solution",
        ),
        Instruction("background-zh", "background", "请判断该文档是否提供了查询主题的背景信息,而非给出解决办法"),
    )
}
