"""What a release is made of: one version, one changelog, workflows that can be trusted."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import horay_async

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+")


def version_of(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the check of the version on a checkout."""
    command = [sys.executable, str(root / ".ci" / "version.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def checkout(root: Path, version: str, changelog: str) -> Path:
    """As much of a checkout as the check reads."""
    (root / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "version.py", root / ".ci")
    (root / "horay_async").mkdir()
    (root / "horay_async" / "_version.py").write_text(f'__version__ = "{version}"\n')
    (root / "CHANGELOG.md").write_text(changelog)
    return root


def test_version_and_changelog_agree() -> None:
    """The newest entry of the changelog is about this version."""
    checked = version_of(ROOT)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.startswith(f"{horay_async.__version__}, ")


@pytest.mark.parametrize(
    ("version", "heading", "arguments", "complaint"),
    [
        ("1.2.0", "## [1.2.0] - 2026-01-31", ["v1.2.0"], None),
        ("1.2.0", "## [1.2.0] - unreleased", [], None),
        ("1.2.0", "## [1.2.0] - unreleased", ["v1.2.0"], "unreleased; give it the day"),
        ("1.2.0", "## [1.2.0] - 2026-01-31", ["v1.2.1"], "the tag is v1.2.1, and must be v1.2.0"),
        ("1.2.0", "## [1.2.0] - 2026-01-31", ["1.2.0"], "the tag is 1.2.0, and must be v1.2.0"),
        ("1.2.1", "## [1.2.0] - 2026-01-31", [], "the package is 1.2.1, the newest entry"),
        ("1.2.0", "## 1.2.0", [], "is not `## [VERSION] - YYYY-MM-DD`"),
        ("1.2.0", "", [], "has no entry"),
    ],
)
def test_release_has_one_version(
    tmp_path: Path, version: str, heading: str, arguments: list[str], complaint: str | None
) -> None:
    """The package, the changelog and the tag; a tag needs the day as well."""
    root = checkout(tmp_path, version, f"# Changelog\n\n{heading}\n\n- New.\n")
    checked = version_of(root, *arguments)
    if complaint is None:
        assert (checked.returncode, checked.stderr) == (0, "")
    else:
        assert checked.returncode == 1
        assert complaint in checked.stderr


def test_notes_are_the_newest_entry(tmp_path: Path) -> None:
    """What the forge's release says is what the changelog says."""
    entries = (
        "## [2.0.0] - 2026-01-31\n\n### Added\n\n- New.\n\n## [1.0.0] - 2025-01-31\n\n- Old.\n"
    )
    checked = version_of(checkout(tmp_path, "2.0.0", f"# Changelog\n\n{entries}"), "--notes")
    assert checked.stdout == "### Added\n\n- New.\n"


ADDRESSES = "".join(
    f"Project-URL: {label}, https://example.org/{label}\n"
    for label in ("Repository", "Documentation", "Changelog", "Issues")
)


@pytest.mark.parametrize(
    ("headers", "readme", "complaints"),
    [
        (ADDRESSES, "[a](https://example.org/a), [b](#b)\n\n```sh\nx[0](y)\n```\n", []),
        ("", "Words.", ["has no Repository", "no Documentation", "no Changelog", "no Issues"]),
        (ADDRESSES, "[a](a.md) ![b](b.png)", ["a link to a.md", "a link to b.png"]),
        (ADDRESSES, "Nothing is published yet.", ["says that nothing is published"]),
        (ADDRESSES, "", ["no description"]),
    ],
)
def test_index_shows_no_dead_links(
    tmp_path: Path, headers: str, readme: str, complaints: list[str]
) -> None:
    """The project's addresses are there, and the README works without the repository."""
    wheel = tmp_path / "one-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        metadata = f"Metadata-Version: 2.5\nSummary: One\n{headers}\n{readme}"
        opened.writestr("one-1.0.dist-info/METADATA", metadata)
    command = [sys.executable, str(ROOT / ".ci" / "page.py"), str(wheel)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == bool(complaints)
    told = checked.stderr.splitlines()
    assert len(told) == len(complaints)
    assert all(complaint in line for complaint, line in zip(complaints, told, strict=True))


def test_actions_are_pinned_by_hash() -> None:
    """A tag can be moved by whoever takes over an action; a commit can't."""
    used = [
        line.partition("uses: ")[2]
        for workflow in WORKFLOWS
        for line in workflow.read_text(encoding="utf-8").splitlines()
        if "uses: " in line
    ]
    assert len(used) > 10
    assert [one for one in used if not one.startswith("$/") and not PINNED.fullmatch(one)] == []


def test_each_action_has_one_version() -> None:
    """All workflows use the same commit of an action."""
    text = "".join(workflow.read_text(encoding="utf-8") for workflow in WORKFLOWS)
    pins = set(re.findall(r"uses: ([^@\s]+)@(\w+)", text))
    assert len(pins) == len({name for name, _ in pins})


def test_supported_pythons_are_those_that_are_tested() -> None:
    """The classifiers, tox and the workflow name the same versions."""
    found = re.compile(r"Programming Language :: Python :: (3\.\d+)").fullmatch
    named = [match[1] for match in map(found, PROJECT["project"]["classifiers"]) if match]
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"
    assert PROJECT["tool"]["tox"]["env_list"] == [*named, "lowest"]
    tests = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    matrix = ", ".join(f'"{name}"' for name in named)
    assert f"python: [{matrix}]" in tests
    assert f'python-version: "{named[-1]}t"' in tests


def packages(requirements: list[str]) -> Iterator[str]:
    """What requirements install, the project's own extras among them, besides what that needs itself."""
    for requirement in requirements:
        name, _, extras = re.split(r"[^\w\[\],-]", requirement)[0].rstrip("]").partition("[")
        if name == PROJECT["project"]["name"]:
            for extra in extras.split(","):
                yield from packages(PROJECT["project"]["optional-dependencies"][extra])
        else:
            yield name.replace("-", "_")


def imports_of(path: Path) -> Iterator[str]:
    """The packages of others that a file imports as it is loaded."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module)]
        else:
            continue
        tops = {name.partition(".")[0] for name in names}
        yield from tops - sys.stdlib_module_names - {own.name for own in ROOT.iterdir()}


def test_tests_import_what_their_extra_installs() -> None:
    """A file that imports more is skipped where that is missing."""
    project = PROJECT["project"]
    installed = {*packages(project["dependencies"]), *packages(["horay-async[test]"])}
    # Parts of what is named.
    installed |= {"annotated_types", "multidict", "opentelemetry", "pydantic_core", "yarl"}
    missing = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in ROOT.joinpath("tests").rglob("*.py")
        if "pytest.importorskip(" not in path.read_text(encoding="utf-8")
        for name in imports_of(path)
        if name not in installed
    }
    assert missing == set()


def test_forge_files_name_no_addresses() -> None:
    """They hold wherever the repository is."""
    files = [path for path in (ROOT / ".github").rglob("*") if path.is_file()]
    assert len(files) > 8
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        assert not re.search(r"\w@[\w-]+\.\w", text), path
