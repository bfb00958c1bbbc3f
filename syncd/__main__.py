"""`python -m tidelog.syncd` is the command `syncd`."""

from tidelog.syncd.cli import main

if __name__ == "__main__":
    main()
