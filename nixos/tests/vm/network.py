"""Units of systemd-networkd, as the modules make them, before a real systemd-networkd: taken without a complaint, and
what they say really exists. What is due is read from the units themselves; the far end of the wire is all that is
added."""

import ipaddress
import json
import os

import configuration
import image
import machine
import report

FAR = "52:54:00:fa:00:01"


class Case:
    """A golden case, the cards of its machine in the order the machine finds them, and the far end of the wire."""

    def __init__(self, name, cards, far, dhcp=(), pings=(), params="", tolerated=(), called=None):
        self.name, self.cards, self.far, self.dhcp, self.pings, self.params = name, cards, far, dhcp, pings, params
        self.tolerated, self.called = list(tolerated), called or name


def macs(middle, *order):
    return [f"52:54:00:{middle}:{one:02x}" for one in order]


CASES = [
    # Names come from the kernel here: the case names no card by its address.
    Case(
        "network-bond-vlan", macs("ba:00", 0, 1, 2, 3),
        ["0 10.66.0.1/24 10.66.0.20 10.66.0.90", "20 10.20.0.1/24 10.20.0.20 10.20.0.90", "31 198.51.100.1/24"],
        dhcp=["xapi1", "xenbr1"], pings=["10.20.0.1", "198.51.100.1"], params="net.ifnames=0",
    ),
    Case("network-vlan-dhcp", macs("42:00", 0, 1), ["42 10.42.0.1/24 10.42.0.20 10.42.0.90"], dhcp=["xapi0"], pings=["10.42.0.1"]),
    Case("network-static", ["52:54:00:12:34:56", "52:54:00:12:34:57"], ["0 192.0.2.1/24"], pings=["192.0.2.1"]),
    # Cards found in another order than they are named in: udev can't rename onto a name that is taken, says so, and the
    # modules' own unit puts it right.
    Case(
        "network-static", ["52:54:00:12:34:57", "52:54:00:12:34:56"], ["0 192.0.2.1/24"], pings=["192.0.2.1"],
        tolerated=["File exists"], called="network-swapped",
    ),
    Case("infected-coordinator", macs("05:00", 0, 1, 2, 3), ["0 192.0.2.1/24", "0 198.51.100.1/24"], pings=["192.0.2.1", "198.51.100.1"]),
]


def fixed(unit):
    return unit.get("address", []) + [one["Address"] for one in unit.get("addresses", [])]


def due(units, dhcp):
    lines = [f"{name} dhcp" for name in dhcp]
    for unit in units["networks"].values():
        lines += [f"{unit['matchConfig']['Name']} {address}" for address in fixed(unit)]
    return lines


def units_of(case):
    settings = configuration.of(case)
    return {kind: settings.get(f"systemd.network.{kind}", {}) for kind in ("links", "netdevs", "networks")}


def prepare(tree, case):
    """The units of a case and what the machine needs to know for the far end."""
    configuration.install_network(tree, case.name)
    tree.write("/stand-in/far", "".join(f"{line}\n" for line in case.far))
    tree.write("/stand-in/due", "".join(f"{line}\n" for line in due(units_of(case.name), case.dhcp)))
    tree.write("/stand-in/pings", "".join(f"{line}\n" for line in case.pings))


def run(case):
    tree = image.Tree(case.called)
    prepare(tree, case)
    tree.last_word("network")
    disk = tree.disk()
    ended, said = machine.start(case.called, disk, [*case.cards, FAR], params=case.params)
    name = f"network {case.called}"
    if not report.check(f"{name}: the machine ran to its end", ended and "stand-in: finished" in said, said[-1500:]):
        return
    there = image.evidence(disk, case.called)
    os.unlink(disk)
    judge(name, units_of(case.name), case, there)


def text(there, file):
    path = os.path.join(there, file)
    return open(path, errors="replace").read() if os.path.exists(path) else ""


# Of the stand-in, not of the units: cards keep the kernel's names, which systemd says may change, and there is no
# polkit that would let networkd set a host name it was given.
EXPECTED = ["based on potentially unpredictable interface name", "Could not set hostname: Access denied"]


def complaints(there, units, tolerated=()):
    """What these programs said that is a warning or worse."""
    found = []
    for line in text(there, "journal").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        unit = entry.get("_SYSTEMD_UNIT", "") or entry.get("SYSLOG_IDENTIFIER", "")
        if any(unit.startswith(one) for one in units) and int(entry.get("PRIORITY", 6)) <= 4 and not any(one in str(entry.get("MESSAGE")) for one in [*EXPECTED, *tolerated]):
            found.append(str(entry.get("MESSAGE")))
    return found


def judge(name, units, case, there):
    links = {one["ifname"]: one for one in json.loads(text(there, "link") or "[]")}
    addresses = {one["ifname"]: one["addr_info"] for one in json.loads(text(there, "address") or "[]")}
    routes = json.loads(text(there, "route") or "[]") + json.loads(text(there, "route6") or "[]")
    managed = {one["Name"]: one for one in json.loads(text(there, "networkctl") or "{}").get("Interfaces", [])}

    # The last card is the far end's: it leaves for its name space under networkd's eyes.
    far = f"eth{len(case.cards)}: "
    said = [one for one in complaints(there, ["systemd-networkd", "systemd-udevd"], case.tolerated) if not one.startswith(far)]
    report.check(f"{name}: systemd-networkd and udev complain of nothing", not said, " | ".join(said[:8]))
    report.check(f"{name}: no unit failed", not text(there, "failed").strip(), text(there, "failed"))
    report.check(f"{name}: the network is online as the units ask for it", text(there, "wait-online.rc").strip() == "0", text(there, "wait-online.err"))

    for unit in units["links"].values():
        wanted, mac = unit["linkConfig"]["Name"], unit["matchConfig"]["PermanentMACAddress"]
        link = links.get(wanted, {})
        here = link.get("permaddr", link.get("address"))
        report.check(f"{name}: {wanted} is the card {mac}", here == mac, f"it is {here}; there are {sorted(links)}")
    for unit in units["netdevs"].values():
        device(name, unit, links, there)
    for file, unit in units["networks"].items():
        network(name, file, unit, links, addresses, routes, managed)
    for bridge in case.dhcp:
        got = [one["local"] for one in addresses.get(bridge, []) if one.get("dynamic") and one["family"] == "inet"]
        nets = [line.split() for line in case.far if len(line.split()) > 2]
        given = any(ipaddress.ip_address(one) in ipaddress.ip_network(net[1], strict=False) for one in got for net in nets)
        report.check(f"{name}: {bridge} has an address from DHCP", given, f"it has {got}")
    answered = text(there, "pings").split()
    report.check(f"{name}: the far end answers on {', '.join(case.pings)}", answered == list(case.pings), f"only {answered}")


def device(name, unit, links, there):
    wanted, kind = unit["netdevConfig"]["Name"], unit["netdevConfig"]["Kind"]
    link = links.get(wanted)
    if not report.check(f"{name}: {wanted} exists", bool(link), f"there are {sorted(links)}"):
        return
    info = link.get("linkinfo", {})
    report.check(f"{name}: {wanted} is a {kind}", info.get("info_kind") == kind, str(info)[:200])
    data = info.get("info_data", {})
    if "MACAddress" in unit["netdevConfig"]:
        mac = unit["netdevConfig"]["MACAddress"]
        report.check(f"{name}: {wanted} has the address {mac}", link["address"] == mac, link["address"])
    if kind == "vlan":
        report.check(f"{name}: {wanted} carries tag {unit['vlanConfig']['Id']}", data.get("id") == unit["vlanConfig"]["Id"], str(data))
    if kind == "bridge":
        good = data.get("stp_state") == 0 and data.get("forward_delay") == 0 and data.get("mcast_snooping") == 0
        report.check(f"{name}: {wanted} forwards at once, without STP and snooping", good, str({key: data.get(key) for key in ("stp_state", "forward_delay", "mcast_snooping")}))
    if kind == "bond":
        wish = unit["bondConfig"]
        milli = lambda text: int(text[:-2]) if text.endswith("ms") else int(text.rstrip("s")) * 1000
        have = {
            "Mode": data.get("mode"), "MIIMonitorSec": data.get("miimon"), "UpDelaySec": data.get("updelay"), "DownDelaySec": data.get("downdelay"),
            "LACPTransmitRate": data.get("ad_lacp_rate"), "TransmitHashPolicy": data.get("xmit_hash_policy"),
        }
        for key, value in wish.items():
            value = milli(value) if key.endswith("Sec") else value
            report.check(f"{name}: {wanted} has {key} {value}", have[key] == value, f"{have[key]}")


def network(name, file, unit, links, addresses, routes, managed):
    wanted = unit["matchConfig"]["Name"]
    link, state = links.get(wanted, {}), managed.get(wanted, {})
    mine = str(state.get("NetworkFile", "")).endswith(f"/{file}.network")
    report.check(f"{name}: {wanted} is configured by {file}", mine and state.get("AdministrativeState") == "configured", f"{state.get('NetworkFile')} {state.get('AdministrativeState')}")
    options = unit.get("networkConfig", {})
    above = options.get("Bridge") or options.get("Bond")
    if above:
        report.check(f"{name}: {wanted} belongs to {above}", link.get("master") == above, f"to {link.get('master')}")
    for vlan in unit.get("vlan", []):
        report.check(f"{name}: {vlan} stands on {wanted}", links.get(vlan, {}).get("link") == wanted, str(links.get(vlan, {}).get("link")))
    mtu = unit.get("linkConfig", {}).get("MTUBytes")
    if mtu:
        report.check(f"{name}: {wanted} takes packets of {mtu}", str(link.get("mtu")) == mtu, str(link.get("mtu")))
    if options.get("LinkLocalAddressing") == "no":
        has = [one["local"] for one in addresses.get(wanted, []) if one.get("scope") == "link"]
        report.check(f"{name}: {wanted} made no address up", not has, str(has))
    for address in fixed(unit):
        has = [f"{one['local']}/{one['prefixlen']}" for one in addresses.get(wanted, [])]
        report.check(f"{name}: {wanted} has {address}", address in has, str(has))
    for gateway in unit.get("gateway", []):
        good = any(one.get("dst") == "default" and one.get("gateway") == gateway and one.get("dev") == wanted for one in routes)
        report.check(f"{name}: the way out is {gateway}", good, str([one for one in routes if one.get("dst") == "default"]))
    for route in unit.get("routes", []):
        good = any(one.get("dst") == route["Destination"] and one.get("gateway") == route["Gateway"] for one in routes)
        report.check(f"{name}: {route['Destination']} is reached by {route['Gateway']}", good, str([one.get("dst") for one in routes]))
    servers = [one.get("AddressString") or ".".join(map(str, one["Address"])) for one in state.get("DNS", [])]
    for server in unit.get("dns", []):
        report.check(f"{name}: {wanted} asks the name server {server}", server in servers, str(servers))
