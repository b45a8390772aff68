# One case to what it gives: the options of nixpkgs it sets, the manifest, failed assertions and warnings.
# A case is { module; from ? [ ]; guest ? false; }.
{ lib, case }:
let
  inherit (builtins) attrNames concatMap filter isAttrs isFunction isList listToAttrs map mapAttrs;
  given = import case;
  from = given.from or [ ];
  guest = given.guest or false;
  pkgs = import ./pkgs.nix;
  evaluated = lib.evalModules {
    specialArgs = { inherit pkgs; };
    modules = [
      (import ./stubs.nix { inherit lib from; })
      (if guest then ../modules/domu-guest.nix else ../modules)
      {
        _file = "base";
        networking.hostName = lib.mkOverride 1000 "dom0";
        systemd.package = lib.mkOverride 1000 pkgs.systemd;
        virtualisation.xen.package = lib.mkOverride 1400 pkgs.xen;
        virtualisation.xen.qemu.package = lib.mkOverride 1400 pkgs.qemu_xen;
      }
      { _file = "case"; imports = [ given.module ]; }
    ];
  };
  inherit (evaluated) config options;

  # Packages become their paths, functions vanish: what is left is data.
  plain = value:
    # The manifest stands on its own in the golden file, not again in each text that carries it.
    if !guest && builtins.isString value && value == manifestText then "<manifest>"
    else if isAttrs value then (if value ? outPath then value.outPath + (if value ? text then " <- ${plain value.text}" else "") else mapAttrs (_: plain) value)
    else if isList value then map plain value
    else if isFunction value then "<function>"
    else value;
  manifestText = builtins.toJSON config.xennix.manifest;
  upstream = import ../lib/upstream-options.nix;
  components = path: filter builtins.isString (builtins.split "\\." path);
  # The part of a listed path before its first <name>.
  stem = path:
    let go = list: if list == [ ] || builtins.head list == "<name>" then [ ] else [ (builtins.head list) ] ++ go (builtins.tail list);
    in go (components path);
  at = builtins.foldl' (tree: name: tree.${name});
  stems = builtins.attrValues (listToAttrs (map (path: { name = builtins.concatStringsSep "." (stem path); value = stem path; })
    (filter (path: !(upstream.${path} ? from) || builtins.elem upstream.${path}.from from) (attrNames upstream))));
  set = listToAttrs (concatMap
    (path:
      let option = at options path; name = builtins.concatStringsSep "." path;
      in
      if builtins.elem name [ "assertions" "warnings" "systemd.package" "networking.hostName" "system.build" "virtualisation.xen.qemu.package" ] || !option.isDefined then [ ]
      else
        let value = sorted name (plain (defined (at config path))); in
        if value == { } || value == pkgs.xen.outPath then [ ] else [{ inherit name; inherit value; }])
    stems);
  # Without the members nobody set, and what is empty then.
  defined = value:
    if isAttrs value && !(value ? outPath)
    then
      listToAttrs
        (concatMap
          (name:
            let inner = defined value.${name};
            in if inner != "<unset>" && inner != { } && inner != [ ] then [{ inherit name; value = inner; }] else [ ])
          (attrNames value))
    else value;
  # What several modules add to has no order of its own.
  sorted = name: value:
    if builtins.elem name [ "environment.systemPackages" "networking.firewall.allowedTCPPorts" "systemd.tmpfiles.rules" ] then builtins.sort builtins.lessThan value else value;

  failed = filter (one: !one.assertion) (if options.assertions.isDefined then config.assertions else [ ]);
in
{
  golden = {
    inherit set;
    assertions = builtins.sort builtins.lessThan (map (one: one.message) failed);
    warnings = builtins.sort builtins.lessThan (if options.warnings.isDefined then config.warnings else [ ]);
  } // (if guest then { } else { manifest = plain config.xennix.manifest; });
  build = plain (if options.system.build.isDefined then config.system.build else { });
  inherit options config;
  module = if isFunction given.module then given.module { inherit lib pkgs; } else given.module;
}
