"""Compiles the kernels of every algorithm, as an image is built: `python -m container.compile`."""

from algorithms import available, find


def main() -> None:
    for name in available():
        find(name).compile()


if __name__ == "__main__":
    main()
