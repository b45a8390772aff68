# Names to UUIDs that stay the same from one evaluation to the next. Pure.
#
# The bits are those of a version 5 UUID (SHA-1), but over the text "NAMESPACE/NAME": Nix strings can't hold the raw
# bytes of a namespace. Nothing outside has to recompute them.
let
  inherit (builtins) hashString match substring;
  # The two high bits of the digit become binary 10.
  variantDigit = digit: {
    "0" = "8";
    "4" = "8";
    "8" = "8";
    "c" = "8";
    "1" = "9";
    "5" = "9";
    "9" = "9";
    "d" = "9";
    "2" = "a";
    "6" = "a";
    "a" = "a";
    "e" = "a";
    "3" = "b";
    "7" = "b";
    "b" = "b";
    "f" = "b";
  }.${digit};
in
{
  # Text of a UUID from a namespace and a name, both plain text.
  derive = namespace: name:
    let hash = hashString "sha1" "${namespace}/${name}";
    in
    "${substring 0 8 hash}-${substring 8 4 hash}-5${substring 13 3 hash}-"
    + "${variantDigit (substring 16 1 hash)}${substring 17 3 hash}-${substring 20 12 hash}";

  pattern = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
  valid = text: match "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" text != null;

  # A locally administered unicast MAC address, stable for a namespace and a name.
  mac = namespace: name:
    let
      hash = hashString "sha1" "${namespace}/mac/${name}";
      byte = i: substring (i * 2) 2 hash;
    in
    "02:${byte 0}:${byte 1}:${byte 2}:${byte 3}:${byte 4}";
}
