"""The pages of the documentation's site: `python -m forecastle.container.site stage FOLDER` and `… check SITE`.

`stage` copies README.md as the first page, docs/ and the files that pages link to, with links that fit their new
places; a site generator reads that folder. `check` fails if a link, a picture or an anchor of the generated site leads
nowhere.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

REPOSITORY = Path(__file__).resolve().parents[1]
ELSEWHERE = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
LINK = re.compile(r"(\]\()([^()\s]+)(\))")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def stage(folder: Path) -> None:
    """Fill `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(REPOSITORY / "docs", folder, ignore=shutil.ignore_patterns("site.*"))
    for name, copy in ELSEWHERE.items():
        (folder / copy).write_text((REPOSITORY / name).read_text("utf-8"), "utf-8")
    sources = {folder / copy: REPOSITORY / name for name, copy in ELSEWHERE.items()}
    for page in sorted(folder.rglob("*.md")):
        source = sources.get(page, REPOSITORY / "docs" / page.relative_to(folder))
        page.write_text(_moved(page.read_text("utf-8"), source, page, folder), "utf-8")


def _moved(text: str, source: Path, page: Path, folder: Path) -> str:
    """A page's text with links relative to its place in `folder`; blocks of code are left alone."""

    def moved(link: re.Match[str]) -> str:
        if "://" in link[2] or link[2].startswith("#"):
            return link[0]
        path, _, anchor = link[2].partition("#")
        target = _target((source.parent / unquote(path)).resolve(), folder)
        relative = Path(*[".."] * len(page.parent.relative_to(folder).parts)) / target
        return f"{link[1]}{relative}{'#' if anchor else ''}{anchor}{link[3]}"

    pieces, position = [], 0
    for block in FENCE.finditer(text):
        pieces += [LINK.sub(moved, text[position : block.start()]), block[0]]
        position = block.end()
    return "".join([*pieces, LINK.sub(moved, text[position:])])


def _target(file: Path, folder: Path) -> Path:
    """Where a file of the checkout is in the folder; one that is no page is copied there."""
    inside = file.relative_to(REPOSITORY)
    if str(inside) in ELSEWHERE:
        return Path(ELSEWHERE[str(inside)])
    if inside.parts[0] == "docs":
        return Path(*inside.parts[1:])
    copy = folder / inside
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, copy)
    return inside


class _Page(HTMLParser):
    """A page's links with the names that others may link to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.links += [value for name in ("href", "src") if tag != "base" and (value := given.get(name))]
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}


def broken_links(site: Path) -> Iterator[str]:
    """Each link of a generated site that leads nowhere, as `page: link`; those to other sites are not followed."""
    pages = {file.resolve(): _Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        if file.name == "404.html":  # whose links begin at the site's root
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                yield f"{file.relative_to(site.resolve())}: {link}"


def main(arguments: list[str]) -> int:
    verb, folder = arguments[0], Path(arguments[1])
    if verb == "stage":
        stage(folder)
        return 0
    broken = [*broken_links(folder)]
    for line in broken:
        print(line, file=sys.stderr)
    pages = len([*folder.rglob("*.html")])
    print(f"{pages} pages, {len(broken)} broken links")
    return 1 if broken or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
