"""Fields of a trial and causes as people say them, in the language being spoken."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bench.report.say import t
from bench.report.words import clean, shorten

_PHRASES: Mapping[str, Callable[[str], str]] = {
    "depth": lambda value: t("depth {value}", value=value),
    "batch_size": lambda value: t("batch {value}", value=value),
    "token_budget": lambda value: t("{value} tokens a pass", value=value),
    "max_length": lambda value: t("length {value}", value=value),
    "threads": lambda value: t("{value} threads", value=value),
    "seed": lambda value: t("seed {value}", value=value),
    "node": lambda value: t("on {value}", value=value),
    "template": lambda value: t("template {value}", value=value),
    "instruction": lambda value: f"“{value}”",
    "attention": lambda value: t("attention {value}", value=value),
    "memory_limit_mb": lambda value: t("limit {value} MB", value=value),
    "server_p99_s": lambda value: t("p99 bound {value} s", value=value),
}
_BARE = {"dtype", "device", "engine", "reranker", "embedder", "quantisation"}
"""Their values speak for themselves."""


def phrase(name: str, value: Any) -> str:
    """A field with its value, such as ``batch 8`` or ``not deterministic``."""
    field = field_name(name)
    if name == "quantisation" and value == "none":
        return t("not quantised")
    if name == "memory_limit_mb" and value is None:
        return t("no memory limit")
    if isinstance(value, bool):
        return field if value else t("not {field}", field=field)
    if value is None or value in ("", ()):
        return t("default {field}", field=field)
    written = shorten(clean(", ".join(map(str, value)) if isinstance(value, tuple) else value), 40)
    if name in _PHRASES:
        return _PHRASES[name](written)
    return written if name in _BARE else t("{field} {value}", field=field, value=written)


def field_name(name: str) -> str:
    named = {
        "attention": t("attention"),
        "batch_size": t("batch size"),
        "candidates": t("candidates"),
        "concurrency": t("concurrency"),
        "depth": t("depth"),
        "deterministic": t("deterministic"),
        "device": t("device"),
        "document_prompt": t("document prompt"),
        "dtype": t("dtype"),
        "embedder": t("embedder"),
        "embedder_batch_size": t("embedder batch size"),
        "embedder_max_length": t("embedder max length"),
        "embedder_revision": t("embedder revision"),
        "engine": t("engine"),
        "instruction": t("instruction"),
        "instruction_field": t("instruction field"),
        "max_length": t("max length"),
        "max_queries": t("max queries"),
        "memory_limit_mb": t("memory limit mb"),
        "node": t("node"),
        "quantisation": t("quantisation"),
        "query_prompt": t("query prompt"),
        "reranker": t("reranker"),
        "reranker_revision": t("reranker revision"),
        "retriever": t("retriever"),
        "scenarios": t("scenarios"),
        "seed": t("seed"),
        "server_batch": t("server batch"),
        "server_p99_s": t("server p99 s"),
        "server_qps": t("server qps"),
        "template": t("template"),
        "threads": t("threads"),
        "timeout_s": t("timeout s"),
        "token_budget": t("token budget"),
        "trust_remote_code": t("trust remote code"),
        "url": t("url"),
    }
    return named.get(name, name.replace("_", " "))


def without_quality(why: str) -> str:
    """What ``bench.derived.no_quality`` says."""
    return {
        "random weights: no quality": t("random weights: no quality"),
        "drawn pairs: no quality": t("drawn pairs: no quality"),
    }.get(why, why)


def cause(why: str) -> str:
    """The first half of it: what the trial lacks a quality for."""
    return {
        "random weights: no quality": t("random weights"),
        "drawn pairs: no quality": t("drawn pairs"),
    }.get(why, why.removesuffix(": no quality"))


_TWICE = re.compile(
    r"(?P<pipeline>.+): (?P<field>\w+) (?P<small>\d+) and (?P<large>\d+) both made (?P<n>\d+) forward calls? over .+"
)
_OTHERWISE = re.compile(r"(?P<field>\w+) (?P<asked>.+) was asked for, and the trial ran with (?P<was>.+): its row .+")
_NOTICE = re.compile(r"(?P<n>\d+) × (?P<what>.+) \(first: (?P<place>.*)\)")


def no_measurement(fault: str) -> str:
    """What ``bench.proof.unproven`` says, again in the language being spoken."""
    twice, otherwise = _TWICE.fullmatch(fault), _OTHERWISE.fullmatch(fault)
    if twice:
        return t(
            "{pipeline}: {field} {small} and {large} both made {calls} over the same tokens, so their rows are one "
            "measurement made twice; time more queries or candidates at once than {small} (timed_queries, depth), or "
            "leave one of them out",
            calls=t("1 forward call") if twice["n"] == "1" else t("{n} forward calls", n=twice["n"]),
            **{name: twice[name] for name in ("pipeline", "field", "small", "large")},
        )
    if otherwise:
        return t(
            "{field} {asked} was asked for, and the trial ran with {was}: its row is not what it says",
            **otherwise.groupdict(),
        )
    return fault


def notice(said: str) -> str:
    """What reading a labelled set found odd; the message is stored as it is."""
    found = _NOTICE.fullmatch(said)
    return t("{n} × {what} (first: {place})", **found.groupdict()) if found else said
