"""The pages of docs/layouts say what is so: their commands, links and files."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING, Final

import click
import pytest
from click.testing import CliRunner

from chalicelib.model.layout import PROVIDER_SPELLINGS, ProviderLayout
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.project_files.rules import PROVIDERS_FILE
from deploy_scripts.project_files.storage import STORAGE_FILE
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from tests.deploy.conftest import TwinDirectory

if TYPE_CHECKING:
    from pathlib import Path

PAGES: Final = tuple(sorted((PROJECT / "docs" / "layouts").glob("*.md")))
LAYOUT_PAGES: Final = tuple(page for page in PAGES if page.name != "README.md")
COMMAND: Final = "python -m deploy_scripts "
_BLOCK: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(rf"`({re.escape(COMMAND)}[^`]+)`")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TOKEN_FILE: Final = r"-|\$TOKEN_FILE|dist/inter-cloud-token-new"
_SHELL_OPERATOR: Final = re.compile(r"[|&;<>()]+")


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's code blocks in a language."""
    return [text for name, text in _BLOCK.findall(page.read_text()) if name == language]


def shell_lines(page: Path) -> list[str]:
    """Return what a page lets people type, a line for each command."""
    typed = "\n".join(blocks(page, "console")).replace("\\\n", " ")
    return [line.strip() for line in typed.splitlines()]


def command_lines(page: Path) -> list[str]:
    """Return the page's command lines of `deploy_scripts`, in code blocks and in sentences."""
    typed = [COMMAND + line.split(COMMAND, 1)[1] for line in shell_lines(page) if COMMAND in line]
    text = _BLOCK.sub("", page.read_text())
    return typed + [" ".join(inline.split()) for inline in _INLINE.findall(text)]


def arguments(command_line: str) -> list[str]:
    """Split a command line as a shell does, up to the next command."""
    # The temporary copy of the project has the same files as the project.
    for name, value in (("$TRY", PROJECT), ("$CONFIG", PROJECT / "config")):
        command_line = command_line.replace(name, str(value))
    words = shlex.shlex(command_line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    found: list[str] = []
    for word in words:
        if _SHELL_OPERATOR.fullmatch(word):
            break
        found.append(word)
    return found[3:]  # without `python -m deploy_scripts`


def parse(command_line: str) -> click.Context:
    """Parse a command line by the command that it names, without running it."""
    verb, *options = arguments(command_line)
    command = cli.commands.get(verb)
    assert command is not None, f"there is no verb {verb}"
    try:
        return command.make_context(verb, options)
    except click.UsageError as error:
        pytest.fail(f"{command_line}: {error.format_message()}")


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = _BLOCK.sub("", page.read_text())
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def layout_of(page: Path) -> ProviderLayout:
    """Return the layout that a page's name says."""
    layer_3_hot, layer_4 = page.stem.split("-")
    return ProviderLayout(layer_3_hot, layer_4)


def named(paths: tuple[Path, ...]) -> list[object]:
    return [pytest.param(path, id=path.name) for path in paths]


every_page = pytest.mark.parametrize("page", named(PAGES))
packaged_page = pytest.mark.parametrize(
    "page", named(tuple(page for page in LAYOUT_PAGES if not page.stem.startswith("aws-")))
)
every_layout_page = pytest.mark.parametrize("page", named(LAYOUT_PAGES))


def test_each_layout_with_aws_has_a_page_that_the_readme_links():
    providers = sorted({*PROVIDER_SPELLINGS.values()})
    pairs = [(hot, twin) for hot in providers for twin in providers if "aws" in (hot, twin)]
    expected = {f"{hot}-{twin}.md" for hot, twin in pairs}
    assert {page.name for page in LAYOUT_PAGES} == expected
    readme = (PROJECT / "docs" / "layouts" / "README.md").read_text()
    assert expected <= set(_LINK.findall(readme))


@every_page
def test_every_command_line_is_one_that_the_verbs_take(page):
    lines = command_lines(page)
    assert lines
    for line in lines:
        parse(line)


@pytest.mark.parametrize(
    "wrong",
    ["depoly --stage x", "deploy --stage x --tabel y", "deploy", "publish --cloud aws"],
)
def test_a_wrong_command_line_would_be_found(wrong):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        parse(COMMAND + wrong)


@every_layout_page
def test_readers_are_published_by_stage_or_by_cloud_as_the_layout_needs(page):
    layout = layout_of(page)
    contexts = [parse(line) for line in command_lines(page)]
    for publish in (each.params for each in contexts if each.info_name == "publish"):
        if layout.layer_3_hot == "aws":
            assert publish["stage"]
            assert not publish["cloud"]
        else:
            assert publish["cloud"] == layout.layer_3_hot
            assert publish["url"]
            assert publish["last_entry_url"]
            assert re.fullmatch(_TOKEN_FILE, str(publish["token_file"]))
            assert not publish["stage"]


@packaged_page
def test_a_page_shows_the_very_commands_that_package_prints(page, tmp_path, monkeypatch):
    (line,) = [line for line in command_lines(page) if line.startswith(f"{COMMAND}package ")]
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    for name, text in zip((PROVIDERS_FILE, STORAGE_FILE), blocks(page, "json"), strict=False):
        (tmp_path / "config" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(cli, [*arguments(line), "--config", "config"])
    assert printed.exit_code == 0, printed.output
    assert printed.stdout in blocks(page, "console")


@packaged_page
def test_a_page_packages_publishes_deploys_and_verifies_in_this_order(page):
    own = [parse(line) for line in command_lines(page) if "$TRY" not in line]
    verbs = [each.info_name for each in own]
    order = [verbs.index(verb) for verb in ("package", "publish", "deploy", "verify")]
    assert order == sorted(order)


@packaged_page
def test_a_page_names_only_variables_of_its_commands(page):
    text = page.read_text().partition("\n## Package the Hot Readers\n")[2]
    typed = "\n".join(found for name, found in _BLOCK.findall(text) if name == "console")
    # Others come from the page of all layouts.
    assigned = {*re.findall(r"^ *([A-Z_]+)=", typed, re.MULTILINE), "ROLE", "BUCKET"}
    assert set(re.findall(r"\$\{?([A-Z_]+)", typed)) <= assigned


@every_layout_page
def test_a_page_goes_from_plan_to_destroy_with_one_stage(page):
    own = [parse(line) for line in command_lines(page) if "$TRY" not in line]
    verbs = [each.info_name for each in own]
    order = [verbs.index(verb) for verb in ("plan", "deploy", "verify", "destroy")]
    assert order == sorted(order)
    stages = {each.params["stage"] for each in own if each.params.get("stage")}
    assert len(stages) == 1


@every_layout_page
def test_trying_on_ones_own_machine_touches_only_the_copy(page):
    text = page.read_text().partition("\n## Try it on your machine first\n")[2]
    trying = text.partition("\n## ")[0].replace("\\\n", " ")
    lines = [line for line in trying.splitlines() if COMMAND in line]
    assert lines
    for line in lines:
        assert '--config "$TRY/config"' in line
        project_is_the_copy = '--project "$TRY"' in line
        verb = arguments(COMMAND + line.split(COMMAND, 1)[1])[0]
        assert project_is_the_copy or verb == "publish"  # publish --cloud has no project


@every_layout_page
def test_the_files_that_a_page_shows_are_of_its_layout(page, tmp_path):
    providers, *storage = blocks(page, "json")
    twin = TwinDirectory(tmp_path)
    twin.write(PROVIDERS_FILE, providers)
    for text in storage:
        twin.write(STORAGE_FILE, text)
    configuration = TwinConfiguration.load(tmp_path)
    assert configuration.layout == layout_of(page)
    assert configuration.storage.keys() <= {configuration.layout.layer_3_hot}


@every_layout_page
def test_a_page_has_a_picture(page):
    (picture,) = blocks(page, "mermaid")
    assert picture.startswith("flowchart ")
    # The quotes and brackets that Mermaid can't do without.
    assert picture.count('"') % 2 == 0
    assert picture.count("subgraph ") == len(re.findall(r"^ *end$", picture, re.MULTILINE))
    for opening, closing in ("[]", "()"):
        assert picture.count(opening) == picture.count(closing)


@every_page
def test_every_relative_link_leads_somewhere(page):
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        if anchor:
            assert anchor in anchors(target), link


@every_page
def test_no_command_line_shows_a_token(page):
    for line in shell_lines(page):
        before_input, _, given = line.partition("<<<")
        assert "X-Inter-Cloud-Token" not in before_input
        assert not re.search(r"--token[ =]", line)
        if given:
            assert re.fullmatch(r' "X-Inter-Cloud-Token: \$\(.+\)"', given)
