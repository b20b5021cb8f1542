"""Names of slices as the report says them: those that RerankBench gives are translated, a user's own fields never."""

from __future__ import annotations

import re

from bench.report.say import t

_THIRD = re.compile(r"(short|middle|long|low|high) \((.+)\)", re.DOTALL)
_CHARACTERS = re.compile(r"([0-9.,]+(?:–[0-9.,]+)?) characters")


def feature_name(feature: str) -> str:
    """One of ``bench.study.features``, in the reader's language; another as it is."""
    ours = {
        "language": t("language"),
        "script": t("script"),
        "document length": t("document length"),
        "lexical overlap": t("lexical overlap"),
        "trap overlap": t("trap overlap"),
        "truncated": t("truncated"),
    }
    return ours.get(feature, feature)


def value_name(feature: str, value: str) -> str:
    """What ``bench.study.features`` calls this value, in the reader's language; what a file says stays as it is."""
    if feature in ("document length", "lexical overlap"):
        return _third(value)
    return _values(feature).get(value, value)


def _values(feature: str) -> dict[str, str]:
    found = {"not stated": t("not stated"), "not known": t("not known")}
    if feature == "script":
        found |= {
            "Chinese characters": t("Chinese characters"), "Latin letters": t("Latin letters"), "other": t("other"),
        }  # fmt: skip
    if feature == "trap overlap":
        found |= {
            "a wrong document shares more words": t("a wrong document shares more words"),
            "no wrong document shares more words": t("no wrong document shares more words"),
            "no candidate judged wrong": t("no candidate judged wrong"),
        }
    if feature == "truncated":
        found |= {"yes": t("yes"), "no": t("no")}
    return found


def _third(value: str) -> str:
    """``short (39–47.5 characters)``."""
    found = _THIRD.fullmatch(value)
    if found is None:
        return _values("").get(value) or _bounds(value)
    names = {"short": t("short"), "middle": t("middle"), "long": t("long"), "low": t("low"), "high": t("high")}
    return t("{third} ({bounds})", third=names[found[1]], bounds=_bounds(found[2]))


def _bounds(text: str) -> str:
    found = _CHARACTERS.fullmatch(text)
    return t("{n} characters", n=found[1]) if found else text
