"""`xapi --network networkd` before a real systemd-networkd: what `xe` asks for comes true, is taken back when it cuts
everybody off, outlives a restart of the toolstack, and leaves nothing behind. Guests are the simulator's; cards, bridges
and addresses are the machine's own."""

import glob
import json
import os

import image
import machine
import network
import programs
import report

STORE = "/nix/store/00000000000000000000000000000000-xennix"
CARDS = network.macs("66:00", 0, 1, 2)
UNIT = f"""[Unit]
Description=Toolstack
After=systemd-networkd.service
[Service]
ExecStartPre=/bin/mkdir -p /var/lib/xcp
ExecStart={STORE}-xapi/bin/xapi --backend sim --network networkd --state-dir /var/lib/xennix --socket /var/lib/xcp/xapi \\
  --http 0.0.0.0:80 --https none --root-password-file /stand-in/password
KillMode=process
"""


def run():
    tree = image.Tree("bridges")
    tree.program(programs.path("xapi"), f"{STORE}-xapi/bin/xapi")
    tree.program(programs.path("xe"), "/usr/bin/xe")
    tree.unit("xapi.service", UNIT)
    tree.write("/stand-in/password", "secret")
    tree.link("/usr/lib/systemd/system/systemd-networkd.service", "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service")
    tree.last_word("bridges")
    disk = tree.disk(1600)
    ended, said = machine.start("bridges", disk, [*CARDS, network.FAR], params="net.ifnames=0")
    if not report.check("bridges: the machine ran to its end", ended and "stand-in: finished" in said, said[-1500:]):
        return
    there = image.evidence(disk, "bridges")
    os.unlink(disk)
    judge(there)


def judge(there):
    read = lambda file: network.text(there, file)
    rows = lambda file: json.loads(read(file) or "[]")
    links = lambda file: {one["ifname"]: one for one in rows(file)}
    check = lambda what, good, why="": report.check(f"bridges: {what}", good, why)

    for path in sorted(glob.glob(f"{there}/*.rc")):
        name = os.path.basename(path)[:-3]
        if name in ("failed", "journal", "first-link"):
            continue
        check(f"{name} was done", read(f"{name}.rc").strip() == "0", (read(f"{name}.err") + read(name))[-400:])
    named = dict(line.split() for line in read("bridges").splitlines() if len(line.split()) == 2)
    first, whole, down = links("first-link"), links("whole-link"), links("down-link")
    kind = lambda all, name: all.get(name, {}).get("linkinfo", {}).get("info_kind")
    for number in range(3):
        good = kind(first, f"xenbr{number}") == "bridge" and first.get(f"eth{number}", {}).get("master") == f"xenbr{number}"
        check(f"eth{number} is on its bridge from the start", good, str(sorted(first)))
    for bridge, port in ((named.get("vlan"), "eth0.20"), (named.get("bond"), "bond0"), (named.get("bond-vlan"), "bond0.21")):
        check(f"{port} is on {bridge}", whole.get(port, {}).get("master") == bridge and kind(whole, bridge) == "bridge", str(whole.get(port)))
    members = [name for name in ("eth1", "eth2") if whole.get(name, {}).get("master") == "bond0"]
    check("both members are in the bond", members == ["eth1", "eth2"], str(members))
    check("the bond has the mode that was asked for", "active-backup" in read("bonding"), read("bonding")[:300])
    check("bridges of members are gone", not {"xenbr1", "xenbr2"} & set(whole), str(sorted(whole)))
    check("the private network is a bridge without a card", kind(whole, named.get("private")) == "bridge", str(sorted(whole)))
    way = lambda file: [(one.get("gateway"), one.get("dev")) for one in rows(file)]
    check("a lease of another interface does not take the way out", way("vlan-route") == [("10.66.0.1", "xenbr0")], str(way("vlan-route")))
    check("management went to the VLAN", read("lost-at").startswith("10.20.0."), read("lost-at"))
    check("unconfirmed, management came back with its way out", way("back-route") == [("10.66.0.1", "xenbr0")], str(way("back-route")))
    check("somebody came over the new address", '"result"' in read("came"), read("came") + read("came.err"))
    kept = read("kept-after").strip()
    check("confirmed, management stayed", kept.startswith("10.20.0.") and kept == read("kept-at").strip(), kept)
    check("at home there is one way out", way("home-route") == [("10.66.0.1", "xenbr0")], str(way("home-route")))
    same = lambda file: sorted((one["ifname"], one["ifindex"], one.get("master", "")) for one in rows(file) if one["ifname"] != "lo")
    check("a restart leaves every link as it is", same("before-link") == same("after-link"), f"{same('before-link')} {same('after-link')}")
    addresses = lambda file: sorted((one["ifname"], info["local"]) for one in rows(file) for info in one.get("addr_info", []))
    check("a restart leaves every address as it is", addresses("before-address") == addresses("after-address"), f"{addresses('before-address')} {addresses('after-address')}")
    wanted = {"lo", "eth0", "eth1", "eth2", "xenbr0", "xenbr1", "xenbr2"}
    # A driver shows a bond of its own.
    left = {name for name in down if name not in wanted}
    check("taken down, nothing is left", not left, str(sorted(left)))
    check("the members are back on their bridges", all(down.get(f"eth{n}", {}).get("master") == f"xenbr{n}" for n in (1, 2)), str({n: down.get(n, {}).get("master") for n in ("eth1", "eth2")}))
    stray = [line for line in read("down-units").splitlines() if "eth0.20" in line or "bond0" in line or "vlan-" in line or "xapi" in line]
    check("no unit of what is gone is left", not stray, " ".join(stray))
    said = network.complaints(there, ["systemd-networkd"], ["File exists"])
    check("systemd-networkd complains of nothing", not said, " | ".join(said[:6]))
