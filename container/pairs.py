"""NAME=VALUE, as `--set` takes it."""

import click


def pair(text: str) -> tuple[str, str]:
    """The name and the value. Raises `click.BadOptionUsage`."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadOptionUsage("given", f"--set {text}: expected NAME=VALUE.")
    return name.strip(), value
