"""What the modules make of a configuration, as committed in the golden files, and as text of the files NixOS would
write. Changes nothing of it."""

import json
import os
import re
import subprocess

import image

EVAL = os.path.join(image.REPO, "nixos/tests/eval")


def of(case):
    """Options set by a golden case."""
    return json.load(open(os.path.join(EVAL, case, "expected.json")))["set"]


def evaluate(expression):
    """Value of an expression of builtins and this repository."""
    conf = os.path.join(image.CACHE, "conf")
    os.makedirs(conf, exist_ok=True)
    with open(os.path.join(conf, "nix.conf"), "w") as out:
        out.write("build-users-group =\nsandbox = false\nsubstitute = false\n")
    command = ["nix-instantiate", "--eval", "--strict", "--json", "-E", expression]
    answer = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NIX_CONF_DIR": conf})
    if answer.returncode != 0:
        raise RuntimeError(answer.stderr[-800:])
    return json.loads(answer.stdout)


def networkd(case):
    """{ file name: text } for /etc/systemd/network, written by nixos/lib/render.nix."""
    return evaluate(f"""
      let set = (builtins.fromJSON (builtins.readFile {EVAL}/{case}/expected.json)).set; in
      (import {image.REPO}/nixos/lib).render.networkd {{
        links = set."systemd.network.links" or {{ }};
        netdevs = set."systemd.network.netdevs" or {{ }};
        networks = set."systemd.network.networks" or {{ }};
      }}""")


def words(value):
    return " ".join(value) if isinstance(value, list) else value


def unit(service):
    """(text, wantedBy, requiredBy) of a systemd.services entry."""
    lines = ["[Unit]", f"Description={service['description']}"]
    for key, name in (("after", "After"), ("before", "Before"), ("wants", "Wants"), ("requires", "Requires")):
        if service.get(key):
            lines.append(f"{name}={words(service[key])}")
    plain = lambda value: ("true" if value else "false") if isinstance(value, bool) else str(value)
    several = lambda key, value: [f"{key}={plain(one)}" for one in (value if isinstance(value, list) else [value])]
    for key, value in service.get("unitConfig", {}).items():
        lines += several(key, value)
    lines += ["", "[Service]"]
    if service.get("preStart"):
        lines.append(f"ExecStartPre={script_path(service)}")
    if service.get("script"):
        lines.append(f"ExecStart={script_path(service)}")
    for key, value in service.get("serviceConfig", {}).items():
        lines += several(key, value)
    return "\n".join(lines) + "\n", service.get("wantedBy", []), service.get("requiredBy", [])


def script_path(service):
    return "/nix/store/00000000000000000000000000000000-unit-script/" + re.sub(r"\W+", "-", service["description"].lower())


def install(tree, name, service):
    """A service as NixOS would have it on its disk."""
    text, wanted, required = unit(service)
    if service.get("preStart") or service.get("script"):
        script = service.get("preStart") or service["script"]
        tree.write(script_path(service), "#!/bin/sh\nset -e\n" + script, 0o755)
    tree.unit(f"{name}.service", text, wanted, required)


def install_network(tree, case):
    for name, text in networkd(case).items():
        tree.write(f"/etc/systemd/network/{name}", text)
    names = of(case)["systemd.services"].get("xennix-card-names")
    if names:
        install(tree, "xennix-card-names", names)
    tree.link("/usr/lib/systemd/system/systemd-networkd.service", "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service")
    tree.link("/usr/lib/systemd/system/systemd-networkd-wait-online.service", "/etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service")
