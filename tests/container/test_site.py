"""The pages of the site: their links at their new places, and the check of a generated site."""

import re
import subprocess
import sys
from pathlib import Path

from forecastle.container.site import broken_links, stage


def test_staged_pages_link_to_each_other_and_to_copies(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    stage(folder)
    index = (folder / "index.md").read_text()
    assert "](operations.md#compiled-kernels)" in index
    assert "](how-to/quantiles.md)" in index
    assert "](demo.png)" in index
    for page in folder.rglob("*.md"):
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^()\s]+)\)", prose):
            if "://" not in link and not link.startswith("#"):
                target = (page.parent / link.partition("#")[0]).resolve()
                assert target.exists(), f"{page}: {link}"
                assert target.is_relative_to(folder), f"{page}: {link}"
    assert (folder / "examples" / "grafana-dashboard.json").exists()


def test_blocks_of_code_are_left_alone(tmp_path: Path) -> None:
    stage(tmp_path / "docs")
    page = (tmp_path / "docs" / "add-an-algorithm.md").read_text()
    source = (Path(__file__).parents[2] / "docs" / "add-an-algorithm.md").read_text()
    assert re.findall(r"```python\n.*?```", page, re.DOTALL) == re.findall(r"```python\n.*?```", source, re.DOTALL)


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="a/b.html#here">1</a><a href="a/b.html#gone">2</a><a href="c.html">3</a><img src="a/d.png">'
        '<a href="https://example.com/x">4</a><a href="#top">5</a><a href="a/">6</a><a href="mailto:x@y.z">7</a>'
    )
    (tmp_path / "a" / "b.html").write_text('<h1 id="here">b</h1><a href="../index.html">up</a>')
    (tmp_path / "404.html").write_text('<a href="/x.html">root</a>')
    assert [*broken_links(tmp_path)] == [
        f"index.html: {link}" for link in ("a/b.html#gone", "c.html", "a/d.png", "#top", "a/")
    ]
    command = [sys.executable, "-m", "forecastle.container.site", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "3 pages, 5 broken links\n")


def test_a_site_without_pages_does_not_pass(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "forecastle.container.site", "check", str(tmp_path)]
    assert subprocess.run(command, capture_output=True).returncode == 1
