"""`python -m torghut`: the command, also where the script is not in PATH."""

from torghut.cli import main

if __name__ == "__main__":
    main()
