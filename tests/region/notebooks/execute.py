"""Run a notebook's cells from the first to the last, in the Python of this script.

`python execute.py NOTEBOOK FOLDER OUTPUT [CELL…]` runs it in FOLDER and writes it with its outputs to OUTPUT; each CELL
is the source of one more: the first is put after the first cell that defines the function it calls, and so on; those
without such a cell come last.
"""

import sys

import nbformat
from nbclient import NotebookClient

CELL_SECONDS = 3600


def main(source: str, folder: str, output: str, *more: str) -> None:
    notebook = nbformat.read(source, 4)
    defined = f"def {more[0].partition('(')[0]}(" if more else ""
    places = [index for index, each in enumerate(notebook.cells) if defined and defined in each.source]
    for place, cell in reversed(list(zip(places, more))):
        notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(cell))
    notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in more[len(places) :]]
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
