"""The programs under test: those built already, else built here."""

import os
import subprocess

import image
import report

PACKAGES = {"xapi": "xapi-server", "xe": "xe-cli", "infect": "infect", "xennix-boot": "xennix-boot"}


def path(name):
    given = os.environ.get("XENNIX_PROGRAMS")
    if given:
        return os.path.join(os.path.abspath(given), name)
    target = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(image.REPO, "target")))
    # cargo knows best whether there is something to do.
    report.note(f"cargo build -p {PACKAGES[name]}")
    subprocess.run(["cargo", "build", "--quiet", "-p", PACKAGES[name], "--bin", name], cwd=image.REPO, check=True)
    return os.path.join(target, "debug", name)
