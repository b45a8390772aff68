"""A hand-off of `infect generate` in a machine whose units are those of the modules: `xennix-migrate` takes it before
`xapi` starts, and `xapi` serves the pool it holds. The hypervisor below is the simulator: there is no Xen here, and its
unit is an empty one."""

import gzip
import os
import re
import subprocess

import configuration
import image
import machine
import network
import programs
import report

STORE = "/nix/store/00000000000000000000000000000000-xennix"
CASES = {"infected-single": "single-8.3", "infected-coordinator": "pool3-8.2"}
# Lists of `xe` and the tables they come from.
TABLES = {
    "pool": "pool", "host": "host", "sr": "SR", "pbd": "PBD", "vdi": "VDI", "vbd": "VBD", "vif": "VIF", "network": "network", "pif": "PIF",
    "vm": "VM", "template": "VM", "snapshot": "VM",
}


def rows(database, table):
    """uuids of a table of an original database."""
    found = re.search(rf'<table name="{table}">(.*?)</table>', database, re.S)
    return set(re.findall(r'\suuid="([^"]*)"', found[1])) if found else set()


def generate(fixture):
    """What `infect generate` makes of a fixture: its directory."""
    data = os.path.join(image.REPO, "infect/tests/data", fixture)
    out = os.path.join(image.CACHE, f"generated-{fixture}")
    subprocess.run(["rm", "-rf", out], check=True)
    image.run(programs.path("infect"), "generate", "--quiet", "--root", f"{data}/host0", "--db", f"{data}/state.db.gz", "--out", out)
    return out


def run(case):
    fixture = CASES[case]
    tree = image.Tree(f"migrate-{case}")
    settings = configuration.of(case)
    made = generate(fixture)
    golden = os.path.join(image.REPO, "infect/tests/golden", fixture, "host0")
    for name in ("network", "storage", "pool", "disks", "hardware"):
        same = open(f"{made}/flake/{name}.nix").read() == open(f"{golden}/{name}.nix").read()
        report.check(f"migrate {case}: {name}.nix is the one the units were evaluated from", same, "it differs from the golden one")
    tree.copy(f"{made}/handoff", "/var/lib/xennix-handoff")
    for name, entry in settings["environment.etc"].items():
        tree.write(f"/etc/{name}", entry["text"])
    for name in ("xapi", "infect"):
        tree.program(programs.path(name), f"{STORE}-{name}/bin/{name}")
    tree.program(programs.path("xe"), f"{STORE}-xe/bin/xe")
    tree.link(f"{STORE}-xe/bin/xe", "/usr/bin/xe")
    for name in ("xapi", "xennix-migrate"):
        configuration.install(tree, name, settings["systemd.services"][name])
    tree.unit("xen-init-dom0.service", "[Unit]\nDescription=Stand-in: there is no Xen here\n[Service]\nType=oneshot\nRemainAfterExit=true\nExecStart=/bin/true\n")
    links = settings["systemd.network.links"]
    cards = [links[name]["matchConfig"]["PermanentMACAddress"] for name in sorted(links)]
    configuration.install_network(tree, case)
    tree.last_word("migrate")
    disk = tree.disk(1600)
    database = gzip.open(os.path.join(image.REPO, "infect/tests/data", fixture, "state.db.gz"), "rt").read()
    for turn in ("first start", "second start"):
        ended, said = machine.start(f"migrate-{case}", disk, cards)
        name = f"migrate {case}, {turn}"
        if not report.check(f"{name}: the machine ran to its end", ended and "stand-in: finished" in said, said[-1500:]):
            return
        judge(name, turn, database, settings, image.evidence(disk, f"migrate-{case}"))
    os.unlink(disk)


def judge(name, turn, database, settings, there):
    read = lambda file: network.text(there, file)
    shown = lambda file: dict(line.split("=", 1) for line in read(file).splitlines() if "=" in line)
    migrate, xapi = shown("show-migrate"), shown("show-xapi")
    if turn == "first start":
        good = migrate.get("ActiveState") == "active" and migrate.get("Result") == "success"
        report.check(f"{name}: xennix-migrate took the hand-off", good, str(migrate))
        before = int(migrate.get("ExecMainExitTimestampMonotonic") or 0) < int(xapi.get("ExecMainStartTimestampMonotonic") or 0)
        report.check(f"{name}: the toolstack started after it", before, f"{migrate} {xapi}")
        report.check(f"{name}: the hand-off is marked as done", " done" in read("handoff"), read("handoff"))
    else:
        report.check(f"{name}: xennix-migrate did not run again", migrate.get("ConditionResult") == "no", str(migrate))
    report.check(f"{name}: the toolstack runs, never restarted", xapi.get("SubState") == "running" and xapi.get("NRestarts") == "0", f"{xapi}: " + " | ".join(network.complaints(there, ["xapi", "xennix-migrate"])[:6]))
    if not report.check(f"{name}: it answers", read("answers.rc").strip() == "0", read("uuids-pool.err")[-400:]):
        return
    served = {what: set(filter(None, read(f"uuids-{what}").strip().split(","))) for what in TABLES}
    served["vm"] |= served["template"] | served["snapshot"]
    for what in ("pool", "host", "vm", "sr", "pbd", "vdi", "vbd", "vif", "network", "pif"):
        old = rows(database, TABLES[what])
        lost = old - served[what]
        report.check(f"{name}: every {what} of the old pool ({len(old)}) is served under its uuid", old and not lost, f"not there: {sorted(lost)[:5]} of {len(old)}; {read(f'uuids-{what}.err')[-200:]}")
    for what in ("pool", "host", "sr"):
        more = served[what] - rows(database, TABLES[what])
        report.check(f"{name}: no other {what} appeared", not more, str(sorted(more)))
    wanted = re.search(r"printf %s (\S+)", settings["systemd.services"]["xapi"]["preStart"])[1]
    report.check(f"{name}: this host is {wanted}", read("host-uuid").strip() == wanted and wanted in served["host"], read("host-uuid"))
