# Packages for evaluation only: names where a real nixpkgs has derivations.
let
  named = name: { type = "derivation"; inherit name; outPath = "/nix/store/00000000000000000000000000000000-${name}"; };
in
{
  xennix = builtins.listToAttrs (map (name: { inherit name; value = named "xennix-${name}"; }) [ "xapi" "xe" "boot" "reconcile" "infect" ]);
  xen-guest-agent = named "xen-guest-agent";
  xe-guest-utilities = named "xe-guest-utilities";
  erofs-utils = named "erofs-utils";
  nix = named "nix";
  systemd = named "systemd";
  iproute2 = named "iproute2";
  closureInfo = _: named "closure-info";
  runCommand = name: _: script: named name // { inherit script; };
  writeText = name: text: named name // { inherit text; };
  writeShellScript = name: text: named name // { inherit text; };
  example = named;
}
