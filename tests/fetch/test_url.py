"""One file over a network that breaks: asked for again from where it stopped, and never taken for what it is not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from bench.fetch.errors import OutOfReachError
from bench.fetch.url import TRIES, Expected, download
from bench.types import DataError, RerankBenchError

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WHOLE = Expected(SHA256, hashlib.md5(CONTENT).hexdigest(), len(CONTENT))
pytestmark = pytest.mark.usefixtures("at_once", "place")


@pytest.fixture
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture
def fetch(host: Any, tmp_path: Path, told: list[tuple[str, int, int]]) -> Any:
    def ask(path: str = "/a.zip", expected: Expected = WHOLE) -> Path:
        return download(host.url + path, tmp_path / "down" / "a.zip", expected, lambda *word: told.append(word))

    return ask


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "down").glob("*"))


def test_a_file_is_fetched_whole_with_its_bytes_told(
    host: Any, net: Any, fetch: Any, tmp_path: Path, told: Any
) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    assert fetch().read_bytes() == CONTENT
    assert leftovers(tmp_path) == ["a.zip"]
    assert told[-1] == ("download a.zip", len(CONTENT), len(CONTENT))
    fetch()
    assert len(host.requests) == 1, "what is here and right is not asked for again"


def test_a_redirect_is_followed(host: Any, net: Any, fetch: Any) -> None:
    host.plain["/elsewhere"] = net.Plain(CONTENT)
    host.lasting["/a.zip"] = net.Fault(redirect=f"{host.url}/elsewhere")
    assert fetch().read_bytes() == CONTENT


def test_redirects_in_a_circle_end(host: Any, net: Any, fetch: Any) -> None:
    host.lasting["/a.zip"] = net.Fault(redirect=f"{host.url}/a.zip")
    with pytest.raises(OutOfReachError, match="redirects more than 5 times"):
        fetch()


def test_after_a_cut_only_the_rest_is_asked_for(host: Any, net: Any, fetch: Any, tmp_path: Path) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    host.faults["/a.zip"] = [net.Fault(cut_after=4000), net.Fault(cut_after=3000)]
    assert fetch().read_bytes() == CONTENT
    assert [(each.range, each.if_range) for each in host.requests] == [
        ("", ""),
        ("bytes=4000-", '"one"'),
        ("bytes=7000-", '"one"'),
    ]
    assert leftovers(tmp_path) == ["a.zip"]


def test_what_arrived_is_kept_for_the_next_run(host: Any, net: Any, fetch: Any, tmp_path: Path) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    host.faults["/a.zip"] = [net.Fault(cut_after=4000), *[net.Fault(status=500)] * TRIES]
    with pytest.raises(OutOfReachError, match="answered 500; 4,000 bytes are kept"):
        fetch()
    assert leftovers(tmp_path) == ["a.zip.part", "a.zip.part.json"]
    host.faults.clear()
    host.requests.clear()
    assert fetch().read_bytes() == CONTENT
    assert [each.range for each in host.requests] == ["bytes=4000-"]


def test_a_server_without_ranges_sends_all_again(host: Any, net: Any, fetch: Any) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT, ranges=False)
    host.faults["/a.zip"] = [net.Fault(cut_after=4000)]
    assert fetch().read_bytes() == CONTENT
    assert [each.range for each in host.requests] == ["", "bytes=4000-"]


def test_a_server_that_names_no_version_is_not_trusted_with_a_part(host: Any, net: Any, fetch: Any) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT, mark="")
    host.faults["/a.zip"] = [net.Fault(cut_after=4000)]
    assert fetch().read_bytes() == CONTENT
    assert [each.range for each in host.requests] == ["", ""]


def test_a_file_that_changed_between_two_parts_is_begun_again(host: Any, net: Any, fetch: Any) -> None:
    host.plain["/a.zip"] = net.Plain(b"x" * len(CONTENT), mark='"old"')
    host.faults["/a.zip"] = [net.Fault(cut_after=4000)]

    def change(path: str) -> None:
        if len(host.requests) == 2:
            host.plain[path] = net.Plain(CONTENT, mark='"new"')

    host.before_body = change
    assert fetch().read_bytes() == CONTENT, "no byte of the old file is left in it"


@pytest.mark.parametrize("lie", ["Content-Range", "ETag"])
def test_a_piece_that_was_not_asked_for_is_not_glued_on(host: Any, net: Any, fetch: Any, lie: str) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    wrong = {"Content-Range": f"bytes 5-10239/{len(CONTENT)}", "ETag": '"one"'}
    if lie == "ETag":
        wrong = {"Content-Range": f"bytes 4000-10239/{len(CONTENT)}", "ETag": '"two"'}
    host.faults["/a.zip"] = [net.Fault(cut_after=4000), net.Fault(status=206, headers=tuple(wrong.items()))]
    assert fetch().read_bytes() == CONTENT
    assert host.requests[-1].range == "", "begun again"


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (Expected(sha256="0" * 64), f"the sha256 of .* is {SHA256}, expected {'0' * 64}"),
        (Expected(md5="0" * 32), f"the md5 of .*, expected {'0' * 32}"),
        (Expected(size_bytes=7), "has 10,240 bytes, expected 7"),
    ],
)
def test_a_file_that_is_not_the_expected_one_is_named_and_not_kept(
    host: Any, net: Any, fetch: Any, tmp_path: Path, expected: Expected, said: str
) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    with pytest.raises(DataError, match=said):
        fetch(expected=expected)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "said", "asked"),
    [
        (404, "there is no such file", 1),
        (410, "there is no such file", 1),
        (401, "not given to everybody", 1),
        (403, "not given to everybody", 1),
        (500, "answered 500", TRIES),
        (503, "answered 503", TRIES),
    ],
)
def test_what_may_pass_is_tried_again_and_what_will_not_is_not(
    host: Any, net: Any, fetch: Any, status: int, said: str, asked: int
) -> None:
    host.lasting["/a.zip"] = net.Fault(status=status)
    with pytest.raises(OutOfReachError, match=said):
        fetch()
    assert len(host.requests) == asked


def test_a_server_that_recovers_is_no_error(host: Any, net: Any, fetch: Any) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    host.faults["/a.zip"] = [net.Fault(status=500), net.Fault(status=429, headers=(("Retry-After", "1"),))]
    assert fetch().read_bytes() == CONTENT


def test_a_server_that_asks_for_an_hour_is_not_waited_for(host: Any, net: Any, fetch: Any) -> None:
    host.lasting["/a.zip"] = net.Fault(status=429, headers=(("Retry-After", "3600"),))
    with pytest.raises(OutOfReachError, match="answered 429"):
        fetch()
    assert len(host.requests) == 1


@pytest.mark.parametrize("said", ["Mon, 01 Jan 99999999999 00:00:00 GMT", "9" * 5000])
def test_a_wait_that_cannot_be_meant_is_not_taken_for_one(host: Any, net: Any, fetch: Any, said: str) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    host.faults["/a.zip"] = [net.Fault(status=503, headers=(("Retry-After", said),))]
    assert fetch().read_bytes() == CONTENT


@pytest.mark.parametrize("said", ["bytes {}-10239/10240", "bytes 4000-{}/10240", "bytes 4000-10239/{}"])
def test_a_piece_whose_place_is_no_number_is_not_glued_on(host: Any, net: Any, fetch: Any, said: str) -> None:
    """Python refuses to read numbers of more than 4,300 digits."""
    host.plain["/a.zip"] = net.Plain(CONTENT)
    wrong = (("Content-Range", said.format("9" * 5000)), ("ETag", '"one"'))
    host.faults["/a.zip"] = [net.Fault(cut_after=4000), net.Fault(status=206, headers=wrong)]
    assert fetch().read_bytes() == CONTENT
    assert host.requests[-1].range == "", "begun again"


def test_offline_nothing_is_asked(host: Any, net: Any, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    monkeypatch.setattr("bench.fetch.url.is_offline", lambda: True)
    with pytest.raises(OutOfReachError, match="HF_HUB_OFFLINE is set"):
        fetch()
    assert host.requests == []


def test_nobody_listening_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RerankBenchError, match="did not answer"):
        download("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", WHOLE, lambda *_: None)


def test_a_part_that_is_whole_is_not_asked_for_again(host: Any, net: Any, fetch: Any, tmp_path: Path) -> None:
    """Killed between the last byte and the renaming."""
    host.plain["/a.zip"] = net.Plain(CONTENT)
    file = fetch()
    host.faults["/a.zip"] = [net.Fault(cut_after=len(CONTENT) - 1), *[net.Fault(status=500)] * TRIES]
    file.unlink()
    with pytest.raises(OutOfReachError):
        fetch()
    (tmp_path / "down" / "a.zip.part").write_bytes(CONTENT)
    host.requests.clear()
    assert fetch().read_bytes() == CONTENT
    assert host.requests == []


def test_a_part_that_is_too_long_is_thrown_away(host: Any, net: Any, fetch: Any, tmp_path: Path) -> None:
    host.plain["/a.zip"] = net.Plain(CONTENT)
    host.faults["/a.zip"] = [net.Fault(cut_after=4000), *[net.Fault(status=500)] * TRIES]
    with pytest.raises(OutOfReachError):
        fetch()
    (tmp_path / "down" / "a.zip.part").write_bytes(CONTENT + b"more")
    host.faults.clear()
    assert fetch().read_bytes() == CONTENT


# ------------------------------------------------------------------------------------------------------ encryption


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of a network without hosts: ``/away`` redirects to http, ``/on`` to https, the rest is there."""
    import httpx2

    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        places = {"/away": "http://example.org/a.zip", "/on": "https://example.org/away", "/fine": "https://h/a.zip"}
        if request.url.path in places:
            return httpx2.Response(302, headers={"Location": places[request.url.path]})
        return httpx2.Response(200, stream=httpx2.ByteStream(CONTENT))

    real = httpx2.Client

    def client(**options: Any) -> httpx2.Client:
        assert "verify" not in options, "certificates are checked, which is the default"
        return real(transport=httpx2.MockTransport(answer), **options)

    monkeypatch.setattr(httpx2, "Client", client)
    return seen


@pytest.mark.parametrize("path", ["/away", "/on"])
def test_a_redirect_that_gives_up_encryption_is_not_even_asked(path: str, asked: list[str], tmp_path: Path) -> None:
    with pytest.raises(OutOfReachError, match="without encryption, which is not followed"):
        download(f"https://example.org{path}", tmp_path / "a.zip", WHOLE, lambda *_: None)
    assert all(url.startswith("https:") for url in asked)


def test_a_redirect_that_keeps_it_is_followed(asked: list[str], tmp_path: Path) -> None:
    assert download("https://example.org/fine", tmp_path / "a.zip", WHOLE, lambda *_: None).read_bytes() == CONTENT
    assert asked == ["https://example.org/fine", "https://h/a.zip"]


def test_nobody_turns_the_checking_of_certificates_off(root: Path) -> None:
    """Every connection of the project: to hubs, publishers, servers and trackers."""
    words = ("verify=False", "verify = False", "CERT_NONE", "_create_unverified_context", "check_hostname = False")
    sources = sorted((root / "bench").rglob("*.py"))
    assert len(sources) > 200
    assert not [path for path in sources if any(word in path.read_text(encoding="utf-8") for word in words)]


def test_a_file_without_an_end_is_cut_off(
    host: Any, net: Any, fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.fetch.url.LARGEST_BYTES", 5000)
    host.plain["/a.zip"] = net.Plain(CONTENT)
    with pytest.raises(OutOfReachError, match="goes on after 5,000 bytes"):
        fetch(expected=Expected(SHA256))
    assert leftovers(tmp_path) == []
