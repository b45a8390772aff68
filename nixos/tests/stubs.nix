# Stand-ins for the options of nixpkgs, made from nixos/lib/upstream-options.nix: what is not listed does not exist.
# `from`: which other projects' modules are there, too ("disko", "impermanence").
{ lib, from ? [ ] }:
let
  inherit (builtins) attrNames elem filter groupBy head isString map mapAttrs split tail;
  upstream = import ../lib/upstream-options.nix;
  wanted = filter (name: !(upstream.${name} ? from) || elem upstream.${name}.from from) (attrNames upstream);
  components = path: filter isString (split "\\." path);
  # Members of submodules are all there in what comes out; the ones nobody set are known by this value.
  unset = "<unset>";
  member = spec: lib.mkOption {
    type = lib.types.either (lib.types.enum [ unset ]) (spec.type lib.types);
    default = spec.default or unset;
  };
  option = spec: lib.mkOption ({ type = spec.type lib.types; } // (if spec ? default then { inherit (spec) default; } else { }));

  # entries: [ { path = [ "boot" "kernelParams" ]; spec; } ]
  tree = leaf: entries: mapAttrs
    (_: mine:
      let
        inner = map (entry: entry // { path = tail entry.path; }) mine;
        whole = filter (entry: entry.path == [ ]) inner;
        named = filter (entry: entry.path != [ ] && head entry.path == "<name>") inner;
        below = map (entry: entry // { path = tail entry.path; }) named;
        leafs = filter (entry: entry.path == [ ]) below;
      in
      if whole != [ ] then leaf (head whole).spec
      else if named != [ ] then
        lib.mkOption
          {
            type = lib.types.attrsOf (if leafs != [ ] then (head leafs).spec.type lib.types else lib.types.submodule { options = tree member below; });
            default = { };
          }
      else tree leaf inner)
    (groupBy (entry: head entry.path) entries);
in
{
  options = tree option (map (name: { path = components name; spec = upstream.${name}; }) wanted);
}
