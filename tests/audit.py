"""What advisories say of a set of pins: ``make audit``. A set that could not be looked up in full has not passed.

pip-audit itself ends well where its service knows none of the packages, as behind a mirror of a package index. Here the
exit code is 0 only where every package was looked up and nothing is known of it, 1 where something is, 2 otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVICES = ("pypi", "osv")
"""In the order in which they are asked; the first that knows every package has the word."""


def judged(told: dict[str, Any], service: str) -> tuple[int, str]:
    """pip-audit's JSON -> exit code and what to say."""
    packages = told["dependencies"]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    holes = [
        f"{each['name']} {each['version']}: {hole['id']} ({', '.join(hole['aliases']) or 'no other name'}), "
        f"mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for each in packages
        for hole in each.get("vulns", ())
    ]
    if holes:
        return 1, "\n".join([f"{len(holes)} known holes in {len(packages)} packages, by {service}:", *holes])
    if skipped or not packages:
        return 2, f"{service} knows nothing of {len(skipped)} of {len(packages)} packages ({', '.join(skipped[:3])}, …)"
    return 0, f"{len(packages)} packages, nothing known against any of them, by {service}"


def asked(pins: Path, service: str) -> tuple[int, str]:
    command = [sys.executable, "-P", "-m", "pip_audit", "--requirement", str(pins), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--vulnerability-service", service, "--timeout", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return judged(json.loads(done.stdout), service)
    except (ValueError, KeyError, TypeError):
        why = done.stderr.strip().splitlines() or ["it said nothing"]
        return 2, f"{service} could not be asked: {why[-1][:200]}"


def main(pins: Path) -> int:
    said = list[str]()
    for service in SERVICES:
        code, words = asked(pins, service)
        if code != 2:
            print(words)
            return code
        said.append(words)
    print(f"error: {pins} was not audited, so nothing is known either way. " + "; ".join(said), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
