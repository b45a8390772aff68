# Units of `systemd.network` as the text of their files, as NixOS would write them. Pure; for previews and for tests
# against a systemd-networkd outside NixOS.
{ prelude }:
let
  inherit (builtins) concatStringsSep isBool isList map toString;
  inherit (prelude) mapToList mergeAll optionalString;
  text = value: if isBool value then (if value then "yes" else "no") else toString value;
  line = key: value: if isList value then concatStringsSep "" (map (one: "${key}=${text one}\n") value) else "${key}=${text value}\n";
  section = name: settings:
    optionalString (settings != { }) "[${name}]\n${concatStringsSep "" (mapToList line settings)}\n";
  lists = unit: { Address = unit.address or [ ]; Gateway = unit.gateway or [ ]; DNS = unit.dns or [ ]; VLAN = unit.vlan or [ ]; }
    // (if unit.domains or [ ] == [ ] then { } else { Domains = concatStringsSep " " unit.domains; });
  link = unit: section "Match" unit.matchConfig + section "Link" unit.linkConfig;
  netdev = unit: section "NetDev" unit.netdevConfig + section "Bridge" (unit.bridgeConfig or { })
    + section "Bond" (unit.bondConfig or { }) + section "VLAN" (unit.vlanConfig or { });
  network = unit: section "Match" unit.matchConfig + section "Link" unit.linkConfig
    + section "Network" (unit.networkConfig // prelude.filterAttrs (_: value: value != [ ]) (lists unit))
    + section "DHCPv4" (unit.dhcpV4Config or { })
    + concatStringsSep "" (map (section "Address") (unit.addresses or [ ]) ++ map (section "Route") (unit.routes or [ ]));
  files = suffix: render: units: mergeAll (mapToList (name: unit: { "${name}.${suffix}" = render unit; }) units);
in
{
  # { "10-eth0.link" = TEXT; ... } of { links; netdevs; networks }.
  networkd = units: files "link" link units.links // files "netdev" netdev units.netdevs // files "network" network units.networks;
}
