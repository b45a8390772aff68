# Everything level 1 looks at, in one evaluation: golden results, documentation, what the cases cover.
{ lib ? import ./shim.nix }:
let
  inherit (builtins) any attrNames attrValues concatMap elem filter head isAttrs isList listToAttrs map mapAttrs readDir tail;
  names = filter (name: (readDir ./eval).${name} == "directory") (attrNames (readDir ./eval));
  cases = listToAttrs (map (name: { inherit name; value = import ./evaluate.nix { inherit lib; case = ./eval + "/${name}/input.nix"; }; }) names);
  pkgs = import ./pkgs.nix;

  # -- options, with those of submodules
  isOption = it: (it._type or "") == "option";
  dotted = builtins.concatStringsSep ".";
  flatten = tree: concatMap
    (name:
      let it = tree.${name}; in
      if isOption it then [ it ] ++ flatten (removeAttrs (it.type.sub it.loc) [ "_module" ])
      else flatten it)
    (attrNames tree);
  ours = module: flatten (removeAttrs
    (lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = [ (import ./stubs.nix { inherit lib; from = [ "disko" "impermanence" ]; }) module { networking.hostName = "dom0"; } ];
    }).options [ ]);
  mine = option: elem (head option.loc) [ "xennix" ] || any (prefix: prefix == lib2 option.loc) [ [ "services" "xapi" ] [ "services" "xen-orchestra" ] ];
  lib2 = loc: if builtins.length loc > 1 then [ (head loc) (builtins.elemAt loc 1) ] else loc;
  documented = module: filter (option: mine option && !(option.internal or false)) (ours module);
  dom0Options = documented ../modules;
  guestOptions = documented ../modules/domu-guest.nix;

  rendered = value:
    if isAttrs value && (value._type or "") == "literalExpression" then { expression = value.text; }
    else { inherit value; };
  document = option: {
    name = dotted option.loc;
    type = option.type.description;
    description = option.description or "";
  } // (if option ? defaultText then { default = rendered option.defaultText; }
  else if option ? default then { default = rendered option.default; } else { })
  // (if option ? example then { example = rendered option.example; } else { });

  # -- what cases set
  unwrap = value:
    if isAttrs value && (value._type or "") == "if" then unwrap value.content
    else if isAttrs value && (value._type or "") == "override" then unwrap value.content
    else if isAttrs value && (value._type or "") == "merge" then concatMap unwrap value.contents
    else [ value ];
  sets = path: value:
    if path == [ ] then true
    else
      any
        (one:
          if elem (head path) [ "<name>" "*" ]
          then any (sets (tail path)) (if isList one then one else if isAttrs one then attrValues one else [ ])
          else isAttrs one && one ? ${head path} && sets (tail path) one.${head path})
        (unwrap value);
  modules = map (case: removeAttrs case.module [ "imports" ]) (attrValues cases);
  unset = options: filter (option: !(any (sets option.loc) modules)) options;
  notReadOnly = filter (option: !(option.readOnly or false));

  upstream = import ../lib/upstream-options.nix;
  components = path: filter builtins.isString (builtins.split "\\." path);
  golden = mapAttrs (_: case: case.golden) cases;
  # Golden files name stand-in options by their stem: "systemd.services" = { xapi = ...; }.
  reaches = path: value:
    if path == [ ] then true
    else if head path == "<name>" then isAttrs value && any (reaches (tail path)) (attrValues value)
    else isAttrs value && value ? ${head path} && reaches (tail path) value.${head path};
  usedBy = case: path: any
    (stem:
      let own = components stem; size = builtins.length own; parts = components path; in
      size <= builtins.length parts && builtins.genList (builtins.elemAt parts) size == own
      && reaches (builtins.genList (i: builtins.elemAt parts (i + size)) (builtins.length parts - size)) case.golden.set.${stem})
    (attrNames case.golden.set);
  # Read, or set by the flake, or shown elsewhere in the golden files.
  elsewhere = [ "assertions" "warnings" "system.build" "systemd.package" "networking.hostName" "nixpkgs.overlays" "virtualisation.xen.qemu.package" ];
in
{
  inherit golden;
  builds = mapAttrs (_: case: case.build) cases;
  options = { dom0 = map document dom0Options; guest = map document guestOptions; };
  uncovered = map (option: dotted option.loc) (unset (notReadOnly (dom0Options ++ guestOptions)));
  unusedUpstream = filter (path: !(elem path elsewhere) && !(any (case: usedBy case path) (attrValues cases))) (attrNames upstream);
  upstream = mapAttrs (_: one: { inherit (one) file; from = one.from or "nixpkgs"; type = (one.type lib.types).description; }) upstream;
  inherit (import ../lib) tools;
  settings = builtins.filter (name: name != null) (map (option: if lib2 option.loc == [ "services" "xapi" ] && builtins.length option.loc == 4 && builtins.elemAt option.loc 2 == "settings" then builtins.elemAt option.loc 3 else null) dom0Options);
}
