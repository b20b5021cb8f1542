"""Reports in a real browser. Skipped where there is no playwright for Python, or no chromium on the path."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench.explorer.build import build
from bench.report.html import render_html
from bench.study.study import Study
from bench.study.words import Arm, ArmCost, Conclusion, Contrast
from bench.types import Interval

HOSTILE = (
    "</script><script>window.pwned = 1</script> </style> \"quoted\" 'it' & <img src=x onerror=alert(1)> "
    "\u202eعنوان\u202c <!-- ${1} `x` ]]>"
)
LONE = "\ud800"  # half of a character
LONG = "W" * 90
CONFIG = "name: made up\nnote: '" + "a very long line " * 20 + "'\n" + "\n".join(f"line_{i}: {i}" for i in range(60))


@dataclass
class Opened:
    """A page, and all that it has done beside showing itself."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def violations(self) -> list[str]:
        return list(self.page.evaluate("window.violations"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for a file of tests, and no longer: while it runs, nothing else in this process can start an event loop."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path")
    with driver.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def load(folder: str) -> Any:
    """The fixtures of other tests, as a module."""
    name, path = f"rerankbench_fixtures_{folder}", Path(__file__).parents[1] / folder / "conftest.py"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A report's file by the name of its kind; ``language`` as ``render_html`` takes it."""
    folder, made, small = tmp_path_factory.mktemp("reports"), load("report"), load("explorer")
    kinds: dict[str, Callable[[], tuple[Any, ...]]] = {
        "quickstart": lambda: (made.scifact(), CONFIG, "rerankbench run configs/quickstart.yaml"),
        "sweep": lambda: (made.sweep(), CONFIG),
        "study": lambda: ((), CONFIG, "rerankbench ab", (), study()),
        "hostile": lambda: (hostile(made), HOSTILE + LONE, HOSTILE + LONE, (), study(HOSTILE + LONE)),
    }
    data = [build(small.make_set(), "ndcg@10", small.make_pipelines(), (0, 1))]

    @cache
    def write(kind: str, language: Any = "auto") -> Path:
        path = folder / f"{kind}-{language}.html"
        explorer = data if kind == "quickstart" else ()
        path.write_bytes(render_html(*kinds[kind](), language=language, explorer=explorer).encode())
        return path

    return write


KINDS = ("quickstart", "sweep", "study", "hostile")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def study(name: str = "mine") -> Study:
    """Three arms on two sets, of which one is better."""

    def contrast(dataset: str, arm: str, difference: float, side: Any = "dev") -> Contrast:
        n, around = (160, 0.01) if side == "dev" else (240, 0.02)
        interval = Interval(difference, difference - around, difference + around)
        p = 0.0004 if difference > around else 0.4
        return Contrast(
            dataset, "ndcg@10", arm, "official", side, "train" if side == "dev" else "test", n, 0.6 + difference, 0.6,
            interval, p, min(1.0, 3 * p), 0.31, 0.022, 60, n - 80, 20,
        )  # fmt: skip

    ended = ("ndcg@10", name, "better", "it says why", "train", "test", 160, 240, 1, 1)
    return Study(
        name=name,
        baseline="official",
        measures=("ndcg@10",),
        arms=(Arm("official", known_as="official"), Arm(name, f"Find {name}"), Arm(LONG, "请判断该文档是否回答了问题")),
        contrasts=(
            *(contrast(dataset, arm, difference) for dataset in ("general", "中文问答")
              for arm, difference in ((name, 0.04), (LONG, -0.003))),
            contrast("general", name, 0.05, "test"),
        ),
        conclusions=(Conclusion("general", *ended),),  # type: ignore[arg-type]
        costs=(ArmCost("general", "dev", "official", 16_000, 2_400_000, 2_500_000, 812.3),
               ArmCost("general", "dev", name, 9_000, None, None, 9.5),
               ArmCost("general", "dev", LONG, 120_000, 3_000_000, 3_100_000, 61.0)),
        notes=(f"5 queries have no relevant document: {name}",),
    )  # fmt: skip


def hostile(made: Any) -> list[Any]:
    trial = made.trial(HOSTILE, f"datasets/{HOSTILE}", reranker=f"asset:{HOSTILE}", instruction=HOSTILE)
    name = HOSTILE + LONE
    facts = {"name": name, "warnings": (name,), "environment": {name: {name: name}}}
    good = [made.result(trial, 0.5, 0.1, **facts)]
    good += [made.result(replace(trial, pipeline=other), 0.6, 0.2, **facts) for other in (LONG, "مسار الترتيب")]
    return [*good, *made.chinese(), made.failed(replace(trial, seed=2), "failed", name, name=name)]


@pytest.fixture
def opened(browser: Any, report: Callable[..., Path]) -> Iterator[Callable[..., Opened]]:
    """Opens a kind of report: ``opened("sweep", width=360)``; what is said of the context goes to the browser."""
    contexts = []

    def open_page(
        kind: str, width: int = 1280, height: int = 800, language: str = "auto", before: str = "", **context: Any
    ) -> Opened:
        context.setdefault("locale", "en-GB")
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **context))
        page = contexts[-1].new_page()
        seen = Opened(page)
        page.on("console", lambda message: seen.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("dialog", lambda dialog: seen.said.append(dialog.message) or dialog.dismiss())
        page.on("request", lambda request: seen.asked.append(request.url))
        page.add_init_script(
            "window.violations = []; document.addEventListener('securitypolicyviolation',"
            f" (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI)); {before}"
        )
        page.goto(report(kind, language).as_uri())
        return seen

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def quiet() -> Callable[[Opened], Any]:
    """Within it, and at its end, a page says nothing, asks for nothing but itself, and keeps to its policy."""

    @contextmanager
    def check(seen: Opened) -> Iterator[Any]:
        yield seen.page
        assert seen.said == []
        assert seen.violations() == []
        assert seen.asked == [seen.page.url.partition("#")[0]] * len(seen.asked)

    return check
