# Packages for evaluation only: names where a real nixpkgs has derivations.
let
  named = name: { type = "derivation"; inherit name; outPath = "/nix/store/00000000000000000000000000000000-${name}"; };
  tools = import ../lib/tools.nix;
  toolsOf = builtins.concatMap builtins.attrNames (builtins.attrValues (removeAttrs tools [ "elsewhere" ]));
in
builtins.listToAttrs (map (name: { inherit name; value = named name; }) toolsOf) // {
  xennix = builtins.listToAttrs (map (name: { inherit name; value = named "xennix-${name}"; }) [ "xapi" "xe" "boot" "reconcile" "infect" ]);
  xen = named "xen-of-nixpkgs";
  qemu_xen = named "qemu-xen-of-nixpkgs";
  xen-guest-agent = named "xen-guest-agent";
  xe-guest-utilities = named "xe-guest-utilities";
  erofs-utils = named "erofs-utils";
  nix = named "nix";
  closureInfo = _: named "closure-info";
  runCommand = name: _: script: named name // { inherit script; };
  writeText = name: text: named name // { inherit text; };
  writeShellScript = name: text: named name // { inherit text; };
  example = named;
}
