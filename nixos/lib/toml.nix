# Plain data to TOML. Pure. Knows texts, numbers, booleans, lists and tables: what settings files consist of.
{ prelude }:
let
  inherit (builtins) attrNames concatStringsSep isAttrs isBool isList isString map match toJSON toString;
  inherit (prelude) filterAttrs mapToList optionalString;

  key = name: if match "[A-Za-z0-9_-]+" name != null then name else toJSON name;
  value = it:
    if isBool it then (if it then "true" else "false")
      # The escapes of JSON are those of TOML.
    else if isString it then toJSON it
    else if isList it then "[${concatStringsSep ", " (map value it)}]"
    else if isAttrs it then "{ ${concatStringsSep ", " (mapToList (name: one: "${key name} = ${value one}") it)} }"
    else toString it;
  table = path: it:
    let
      plain = filterAttrs (_: one: !(isAttrs one)) it;
      nested = filterAttrs (_: isAttrs) it;
    in
    optionalString (path != [ ] && (plain != { } || nested == { })) "[${concatStringsSep "." (map key path)}]\n"
    + concatStringsSep "" (mapToList (name: one: "${key name} = ${value one}\n") plain)
    + concatStringsSep "" (map (name: table (path ++ [ name ]) nested.${name}) (attrNames nested));
in
{
  # Text of a file; nulls are left out at the top and in tables.
  file = it:
    let clean = one: if isAttrs one then builtins.mapAttrs (_: clean) (filterAttrs (_: inner: inner != null) one) else one;
    in table [ ] (clean it);
}
