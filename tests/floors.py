"""The top-level folders of the sources, which links in forecastle/ give their import names."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FLOORS = tuple(sorted(link.name for link in (REPOSITORY / "forecastle").iterdir() if link.is_symlink()))
