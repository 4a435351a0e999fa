"""The command line: serve, load, export, check, cluster, demo, settings, version."""


def main() -> None:
    """Run the command line and end the process with its exit status."""
    from suture.cli.application import run

    raise SystemExit(run())
