# Bridges, bonds, VLANs and addresses to units of systemd-networkd (or bridges of Open vSwitch). Pure: takes the
# settings of `xennix.network`, gives units, networks of the manifest, checks and warnings. Never touches a device.
#
# The shapes follow what clients of the API know from XCP-ng: one bridge per card (`ethN` -> `xenbrN`), a VLAN as a
# device on the card and a bridge above it, addresses on the bridge.
{ prelude, uuid }:
let
  inherit (builtins) attrNames concatLists concatMap concatStringsSep elem filter hasAttr length listToAttrs map match
    stringLength toString;
  inherit (prelude) check duplicates enabled mapToList nameValue optional optionalAttrs optionals
    quoted unique;

  # The longest name the kernel takes.
  longest = 15;

  bridgeOf = interface:
    let number = match "eth([0-9]+)" interface;
    in if number == null then "br-${interface}" else "xenbr${builtins.head number}";
  bondMode = { "lacp" = "802.3ad"; "active-backup" = "active-backup"; "balance-xor" = "balance-xor"; };

  noAddress = {
    dhcp = false;
    address = null;
    gateway = null;
    dns = [ ];
    searchDomains = [ ];
    ipv6 = "none";
    ipv6Address = null;
    ipv6Gateway = null;
    routes = [ ];
  };
in
rec {
  inherit bridgeOf longest;

  # What stands after defaults: { bonds; bridges; names }. A bridge: ports, vlan, address and so on; `management` says
  # that the host is reached through it.
  resolve = cfg:
    let
      m = cfg.management;
      addressOf = one: builtins.intersectAttrs noAddress one;
      many = length m.interfaces > 1;
      managementBond = optionalAttrs (m.enable && many) {
        ${m.bond.name} = {
          interfaces = m.interfaces;
          inherit (m.bond) mode hash lacpRate;
          mtu = m.mtu;
        };
      };
      port = if many then [ m.bond.name ] else m.interfaces;
      declared = builtins.mapAttrs (_name: bridge: bridge // { management = false; }) (enabled cfg.bridges);
      known = unique (m.interfaces ++ attrNames cfg.names);
      enslaved = concatLists (mapToList (_: bond: bond.interfaces) (enabled cfg.bonds // managementBond));
      automatic = optionalAttrs (cfg.autoBridge && cfg.bridges == { }) (listToAttrs (map
        (interface: nameValue (bridgeOf interface) (noAddress // {
          interfaces = [ interface ];
          vlan = null;
          mtu = null;
          mac = null;
          label = "Pool-wide network associated with ${interface}";
          description = "";
          private = false;
          uuid = null;
          policy = cfg.policy;
          management = false;
        }))
        (filter (interface: !(elem interface enslaved) && !(elem interface port && m.vlan == null)) known)));
      existing = declared.${m.bridge} or { };
      management = optionalAttrs (m.enable && (m.interfaces != [ ] || existing != { })) {
        ${m.bridge} = {
          interfaces = port;
          inherit (m) vlan mtu mac;
          label = m.label;
          description = "";
          private = false;
          uuid = null;
          policy = cfg.policy;
        } // existing // addressOf m // { management = true; };
      };
    in
    {
      bonds = enabled cfg.bonds // managementBond;
      bridges = automatic // declared // management;
      inherit (cfg) names;
    };

  # Attributes for `systemd.network`: { links; netdevs; networks }.
  units = cfg:
    let
      net = resolve cfg;
      bridgeNames = attrNames net.bridges;
      vlanDevice = interface: tag: "${interface}.${toString tag}";
      ports = concatLists (mapToList
        (name: bridge: map (interface: { inherit name interface bridge; }) bridge.interfaces)
        net.bridges);
      bonded = concatLists (mapToList (name: bond: map (interface: { inherit name interface bond; }) bond.interfaces) net.bonds);
      # Every device that carries something: cards and bonds.
      devices = unique (map (port: port.interface) ports ++ map (slave: slave.interface) bonded);
      onDevice = interface: filter (port: port.interface == interface) ports;
      mtuOf = interface:
        let
          wanted = filter (mtu: mtu != null) (map (port: port.bridge.mtu) (onDevice interface)
            ++ map (slave: slave.bond.mtu) (filter (slave: slave.interface == interface) bonded)
            ++ optional (net.bonds ? ${interface}) net.bonds.${interface}.mtu);
        in
        builtins.foldl' (most: mtu: if most == null || mtu > most then mtu else most) null wanted;
      mtuConfig = mtu: optionalAttrs (mtu != null) { MTUBytes = toString mtu; };

      links = listToAttrs (mapToList
        (name: one: nameValue "10-${name}" {
          matchConfig.PermanentMACAddress = one.mac;
          linkConfig = { Name = name; };
        })
        net.names);

      deviceNetwork = interface:
        let
          mine = onDevice interface;
          plain = filter (port: port.bridge.vlan == null) mine;
          tagged = filter (port: port.bridge.vlan != null) mine;
          bond = filter (slave: slave.interface == interface) bonded;
          primary = concatMap (slave: optional (slave.bond.primary or null == interface) true) bond;
        in
        nameValue "20-${interface}" ({
          matchConfig.Name = interface;
          linkConfig = { RequiredForOnline = "no"; } // mtuConfig (mtuOf interface);
          networkConfig = {
            LinkLocalAddressing = "no";
            ConfigureWithoutCarrier = true;
          }
          // optionalAttrs (plain != [ ]) { Bridge = (builtins.head plain).name; }
          // optionalAttrs (bond != [ ]) { Bond = (builtins.head bond).name; }
          // optionalAttrs (primary != [ ]) { PrimarySlave = true; };
        } // optionalAttrs (tagged != [ ]) {
          vlan = map (port: vlanDevice interface port.bridge.vlan) tagged;
        });

      vlanUnits = concatMap
        (port: optional (port.bridge.vlan != null) {
          netdev = nameValue "15-${vlanDevice port.interface port.bridge.vlan}" {
            netdevConfig = { Name = vlanDevice port.interface port.bridge.vlan; Kind = "vlan"; } // mtuConfig port.bridge.mtu;
            vlanConfig.Id = port.bridge.vlan;
          };
          network = nameValue "25-${vlanDevice port.interface port.bridge.vlan}" {
            matchConfig.Name = vlanDevice port.interface port.bridge.vlan;
            linkConfig = { RequiredForOnline = "no"; } // mtuConfig port.bridge.mtu;
            networkConfig = { Bridge = port.name; LinkLocalAddressing = "no"; ConfigureWithoutCarrier = true; };
          };
        })
        ports;

      macOf = bridge:
        let first = if bridge.interfaces == [ ] then null else builtins.head bridge.interfaces;
        in
        if bridge.mac != null then bridge.mac
        else if first != null && bridge.vlan == null && net.names ? ${first} then net.names.${first}.mac
        else null;

      bridgeNetdev = name:
        let bridge = net.bridges.${name};
        in nameValue "15-${name}" {
          netdevConfig = { Name = name; Kind = "bridge"; } // mtuConfig bridge.mtu
            // optionalAttrs (macOf bridge != null) { MACAddress = macOf bridge; };
          bridgeConfig = { STP = false; ForwardDelaySec = 0; MulticastSnooping = false; };
        };

      bondNetdev = name:
        let bond = net.bonds.${name};
        in nameValue "12-${name}" {
          netdevConfig = { Name = name; Kind = "bond"; } // mtuConfig bond.mtu;
          bondConfig = { Mode = bondMode.${bond.mode} or bond.mode; MIIMonitorSec = "100ms"; UpDelaySec = "31s"; DownDelaySec = "200ms"; }
            // optionalAttrs (bond.mode != "active-backup") { TransmitHashPolicy = bond.hash; }
            // optionalAttrs (bond.mode == "lacp") { LACPTransmitRate = bond.lacpRate; };
        };

      bridgeNetwork = name:
        let
          bridge = net.bridges.${name};
          dhcp6 = bridge.ipv6 == "dhcp";
          linkLocal = bridge.address != null && prelude.hasPrefix "169.254." bridge.address;
          addressed = bridge.dhcp || bridge.address != null || bridge.ipv6 != "none";
        in
        nameValue "30-${name}" (
          {
            matchConfig.Name = name;
            linkConfig = { RequiredForOnline = if bridge.management then "routable" else "no"; } // mtuConfig bridge.mtu;
            networkConfig = {
              ConfigureWithoutCarrier = true;
              DHCP = if bridge.dhcp && dhcp6 then "yes" else if bridge.dhcp then "ipv4" else if dhcp6 then "ipv6" else "no";
              # Without a word about IPv6 the host takes none from strangers.
              IPv6AcceptRA = bridge.ipv6 == "auto" || dhcp6;
              LinkLocalAddressing = if addressed then "ipv6" else "no";
            };
            address = optional (bridge.address != null && !linkLocal) bridge.address ++ optional (bridge.ipv6Address != null) bridge.ipv6Address;
            gateway = optional (bridge.gateway != null) bridge.gateway ++ optional (bridge.ipv6Gateway != null) bridge.ipv6Gateway;
            dns = bridge.dns;
            domains = bridge.searchDomains;
            routes = map (route: { Destination = route.destination; Gateway = route.gateway; }) bridge.routes;
          }
          // optionalAttrs linkLocal {
            # networkd would look for others with it, and wait for that on a bridge without a guest for ever.
            addresses = [{ Address = bridge.address; DuplicateAddressDetection = "none"; }];
          }
          // optionalAttrs bridge.dhcp {
            # The lease stays what it was: other DHCP clients of dom0s identify themselves by the MAC address, too.
            dhcpV4Config = { ClientIdentifier = "mac"; }
            // optionalAttrs (!bridge.management) { UseRoutes = false; UseGateway = false; UseDNS = false; };
          }
        );
    in
    {
      inherit links;
      netdevs = listToAttrs (map bondNetdev (attrNames net.bonds) ++ map bridgeNetdev bridgeNames ++ map (one: one.netdev) vlanUnits);
      networks = listToAttrs (map deviceNetwork devices ++ map (one: one.network) vlanUnits ++ map bridgeNetwork bridgeNames);
    };

  # Script that puts the names of cards right where udev could not. Asks for real cards only, before any of them is
  # part of a bond and has another's address.
  cardNames = names: ''
    udevadm settle --timeout=60 || true
    card() {
      for one in /sys/class/net/*; do
        if [ -e "$one/device" ] && [ "$(cat "$one/address")" = "$1" ]; then echo "''${one##*/}"; fi
      done
    }
    aside() {
      now=$(card "$1")
      if [ -n "$now" ] && [ "$now" != "$2" ]; then ip link set dev "$now" name "xn-$2"; fi
    }
    settle() {
      if [ -e "/sys/class/net/xn-$1" ]; then ip link set dev "xn-$1" name "$1"; fi
    }
    ${concatStringsSep "\n" (mapToList (name: one: "aside ${builtins.replaceStrings [ "A" "B" "C" "D" "E" "F" ] [ "a" "b" "c" "d" "e" "f" ] one.mac} ${name}") names)}
    ${concatStringsSep "\n" (map (name: "settle ${name}") (attrNames names))}
  '';

  # Bridges of Open vSwitch for `networking.vswitches`, and the addresses of their inner ports as networkd units.
  vswitches = cfg:
    let
      net = resolve cfg;
      slb = { "balance-slb" = "balance-slb"; "active-backup" = "active-backup"; "lacp" = "balance-tcp"; "balance-xor" = "balance-slb"; };
      bondCommand = bridge: name:
        let bond = net.bonds.${name};
        in "add-bond ${bridge} ${name} ${concatStringsSep " " bond.interfaces} bond_mode=${slb.${bond.mode}}"
          + prelude.optionalString (bond.mode == "lacp") " lacp=active";
    in
    builtins.mapAttrs
      (name: bridge: {
        interfaces = listToAttrs (map
          (interface: nameValue interface (optionalAttrs (bridge.vlan != null) { vlan = bridge.vlan; }))
          (filter (interface: !(hasAttr interface net.bonds)) bridge.interfaces));
        extraOvsctlCmds = concatStringsSep "\n" (map (bondCommand name) (filter (interface: hasAttr interface net.bonds) bridge.interfaces));
      })
      net.bridges;

  # With Open vSwitch networkd still names the cards and gives the bridges their addresses.
  unitsOverVswitches = cfg:
    let all = units cfg;
    in {
      inherit (all) links;
      netdevs = { };
      networks = prelude.filterAttrs (name: _: prelude.hasPrefix "30-" name) all.networks;
    };

  # Networks of the manifest, in order of their bridges.
  manifest = hostUuid: cfg:
    let net = resolve cfg;
    in mapToList
      (name: bridge: {
        inherit name;
        bridge = name;
        uuid = if bridge.uuid != null then bridge.uuid else uuid.derive hostUuid "network/${name}";
        label = if bridge.label != null then bridge.label else name;
        inherit (bridge) description policy management;
        mtu = if bridge.mtu == null then 1500 else bridge.mtu;
        option = if bridge.management then "xennix.network.management" else "xennix.network.bridges.${name}";
      })
      net.bridges;

  checks = cfg:
    let
      net = resolve cfg;
      bridges = mapToList (name: bridge: bridge // { inherit name; }) net.bridges;
      bonds = mapToList (name: bond: bond // { inherit name; }) net.bonds;
      vlanNames = concatMap
        (bridge: optionals (bridge.vlan != null)
          (map (interface: "${interface}.${toString bridge.vlan}") bridge.interfaces))
        bridges;
      names = attrNames net.bridges ++ attrNames net.bonds ++ attrNames net.names ++ vlanNames
        ++ concatMap (bridge: bridge.interfaces) bridges;
      long = filter (name: stringLength name > longest) (unique names);
      inBonds = concatMap (bond: bond.interfaces) bonds;
      untagged = concatMap (bridge: optionals (bridge.vlan == null) bridge.interfaces) bridges;
      twiceTagged = duplicates vlanNames;
      twice = duplicates (inBonds ++ filter (interface: !(elem interface inBonds)) untagged)
        ++ filter (interface: elem interface inBonds) (concatMap (bridge: bridge.interfaces) bridges);
      emptyBridges = map (bridge: bridge.name) (filter (bridge: !bridge.private && bridge.interfaces == [ ]) bridges);
      crowded = map (bridge: bridge.name) (filter (bridge: bridge.private && bridge.interfaces != [ ]) bridges);
      emptyBonds = map (bond: bond.name) (filter (bond: bond.interfaces == [ ]) bonds);
      slb = map (bond: bond.name) (filter (bond: bond.mode == "balance-slb") bonds);
      both = map (bridge: bridge.name) (filter (bridge: bridge.dhcp && bridge.address != null) bridges);
      lost = map (bridge: bridge.name) (filter (bridge: bridge.gateway != null && bridge.address == null) bridges);
      bad = concatMap
        (bridge: filter (address: match "[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+" address == null)
          (optional (bridge.address != null) bridge.address))
        bridges;
      m = cfg.management;
      unreachable = m.enable && (m.dhcp || m.address != null) && !(net.bridges ? ${m.bridge});
    in
    [
      (check "net-name-too-long" (long == [ ])
        "network names may have ${toString longest} characters, shorten ${quoted long} (a VLAN's device is INTERFACE.TAG)")
      (check "net-interface-twice" (twice == [ ])
        "each interface goes into one bridge or one bond; leave ${quoted (unique twice)} in only one of them, or set `vlan` on the further bridges")
      (check "net-vlan-twice" (twiceTagged == [ ])
        "two bridges carry the same VLAN of the same interface (${quoted twiceTagged}); merge them or change `vlan`")
      (check "net-bridge-without-interface" (emptyBridges == [ ])
        "bridges without an interface reach nobody: set `interfaces` of ${quoted emptyBridges}, or `private = true`")
      (check "net-private-with-interface" (crowded == [ ])
        "private bridges have no interfaces: empty `interfaces` of ${quoted crowded}, or set `private = false`")
      (check "net-bond-empty" (emptyBonds == [ ]) "bonds need members: set `interfaces` of ${quoted emptyBonds}")
      (check "net-slb-needs-openvswitch" (slb == [ ] || cfg.backend == "openvswitch")
        "the kernel has no balance-slb (${quoted slb}): set `xennix.network.backend = \"openvswitch\"`, or the mode to \"active-backup\" or \"lacp\"")
      (check "net-dhcp-and-address" (both == [ ])
        "either DHCP or a fixed address: set `dhcp = false` or `address = null` on ${quoted both}")
      (check "net-gateway-without-address" (lost == [ ])
        "a gateway needs an address on the same bridge: set `address` of ${quoted lost}")
      (check "net-address-format" (bad == [ ])
        "addresses are written with their prefix length, such as 192.0.2.10/24, not ${quoted bad}")
      (check "net-management-without-interface" (!unreachable)
        "the management address needs a way out: set `xennix.network.management.interfaces`, or declare the bridge `${m.bridge}`")
    ];

  warnings = cfg:
    let
      net = resolve cfg;
      managed = filter (bridge: bridge.management) (builtins.attrValues net.bridges);
      silent = filter (bridge: !bridge.dhcp && bridge.address == null && bridge.ipv6 == "none") managed;
    in
    optional (managed == [ ] && cfg.management.enable)
      "xennix.network: no management interface is named, so nothing of ours configures this host's address; set xennix.network.management.interfaces"
    ++ optional (silent != [ ])
      "xennix.network.management: neither dhcp nor an address is set, the host will not be reachable";
}
