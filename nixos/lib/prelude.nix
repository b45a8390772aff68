# Small helpers on top of the builtins. Pure: no nixpkgs, no file access.
let
  inherit (builtins) attrNames concatLists concatStringsSep elem filter foldl' genList head length listToAttrs
    map stringLength substring tail;
in
rec {
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: values: if condition then values else [ ];
  optionalAttrs = condition: attrs: if condition then attrs else { };
  optionalString = condition: text: if condition then text else "";

  # { a = 1; } -> [ (f "a" 1) ], in the order of the names.
  mapToList = f: attrs: map (name: f name attrs.${name}) (attrNames attrs);
  filterAttrs = keep: attrs:
    listToAttrs (concatLists (mapToList (name: value: optional (keep name value) { inherit name value; }) attrs));
  nameValue = name: value: { inherit name value; };
  # Leaves out what is null: an absent setting, not an empty one.
  dropNulls = filterAttrs (_: value: value != null);
  mergeAll = foldl' (all: one: all // one) { };
  enabled = filterAttrs (_: value: value.enable or true);

  unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  # Those that stand more than once, each once.
  duplicates = values: unique (filter (value: length (filter (other: other == value) values) > 1) values);
  all = builtins.all;
  any = builtins.any;
  last = values: if length values == 1 then head values else last (tail values);

  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  removePrefix = prefix: text:
    if hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
  chars = text: genList (i: substring i 1 text) (stringLength text);
  quoted = values: concatStringsSep ", " (map (value: "\"${value}\"") values);
  # A wish of the manifest's checks: `id` is stable, the message tells the fix.
  check = id: assertion: message: { inherit id assertion message; };
}
