# Declared networks as units of systemd-networkd or bridges of Open vSwitch.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge types;
  make = import ./make.nix lib;
  pure = import ../lib;
  cfg = config.xennix.network;
  declarative = cfg.enable && cfg.mode == "declarative";
  active = (pure.network.resolve cfg).bridges != { };
  maybe = type: example: description: make.value (types.nullOr type) null example description;
  mtu = maybe (types.ints.between 576 65535) 9000 "Largest packet in bytes; null leaves the device's own.";
  vlan = maybe (types.ints.between 1 4094) 20 "VLAN tag carried on the interface; null for untagged.";
  hashes = [ "layer2" "layer2+3" "layer3+4" ];
  modes = [ "active-backup" "lacp" "balance-xor" "balance-slb" ];
  addresses = {
    dhcp = make.flag false "Whether the host takes an IPv4 address from DHCP here.";
    address = maybe types.str "192.0.2.10/24" "IPv4 address of the host here, with its prefix length.";
    gateway = maybe types.str "192.0.2.1" "IPv4 gateway.";
    dns = make.value (types.listOf types.str) [ ] [ "192.0.2.53" ] "Name servers.";
    searchDomains = make.value (types.listOf types.str) [ ] [ "example.org" ] "Domains to search.";
    ipv6 = make.choice [ "none" "auto" "dhcp" "static" ] "none" "Where an IPv6 address comes from.";
    ipv6Address = maybe types.str "2001:db8::10/64" "IPv6 address with its prefix length, for `static`.";
    ipv6Gateway = maybe types.str "2001:db8::1" "IPv6 gateway, for `static`.";
    routes = make.value
      (types.listOf (types.submodule {
        options = {
          destination = make.required types.str "198.51.100.0/24" "Network the route leads to.";
          gateway = make.required types.str "192.0.2.254" "Router on the way.";
        };
      })) [ ] [{ destination = "198.51.100.0/24"; gateway = "192.0.2.254"; }] "Further routes.";
  };
in
{
  options.xennix.network = {
    enable = make.derived types.bool config.xennix.enable "config.xennix.enable" false "Whether XenNix sets up the host's networks.";
    mode = make.choice [ "declarative" "xapi" ] "declarative"
      "Who owns the networks: this configuration, or the toolstack's database, as clients change it. With `xapi` only the names of cards are set here.";
    backend = make.choice [ "networkd" "openvswitch" ] "networkd" "What bridges are made of.";
    policy = make.choice [ "locked" "power" "open" ] "power" "What clients may do to declared networks. `open` lets them change everything until the next switch.";
    autoBridge = make.flag true "Whether every named card gets its own bridge as long as `bridges` is empty.";
    names = make.value
      (types.attrsOf (types.submodule {
        options.mac = make.required make.kinds.mac "52:54:00:12:34:56" "Hardware address of the card.";
      }))
      { }
      { eth0.mac = "52:54:00:12:34:56"; }
      "Cards by the name they shall have, whatever slot or driver they turn up with.";
    management = addresses // {
      enable = make.flag true "Whether XenNix configures the host's own address.";
      interfaces = make.value (types.listOf types.str) [ ] [ "eno1" ] "Cards of the management network; several are bonded. Empty: `bridge` is a declared one.";
      bridge = make.value types.str "xenbr0" "xapi1" "Bridge that carries the host's address.";
      label = make.value types.str "Management" "Pool-wide network associated with eth0" "Name of the network for clients.";
      mac = maybe make.kinds.mac "52:54:00:12:34:56" "Hardware address of the bridge; null takes the card's where it is known.";
      inherit vlan mtu;
      bond = {
        name = make.value types.str "bond0" "bond1" "Name of the bond over several interfaces.";
        mode = make.choice modes "active-backup" "How the bond spreads traffic.";
        hash = make.choice hashes "layer2" "What decides which member a packet takes.";
        lacpRate = make.choice [ "slow" "fast" ] "slow" "How often LACP asks the switch.";
      };
    };
    bonds = make.value
      (types.attrsOf (types.submodule {
        options = {
          enable = make.flag true "Whether this bond is made.";
          interfaces = make.value (types.listOf types.str) [ ] [ "eth1" "eth2" ] "Members.";
          mode = make.choice modes "active-backup" "How the bond spreads traffic.";
          hash = make.choice hashes "layer2" "What decides which member a packet takes.";
          lacpRate = make.choice [ "slow" "fast" ] "slow" "How often LACP asks the switch.";
          primary = maybe types.str "eth1" "Member preferred by active-backup.";
          inherit mtu;
        };
      }))
      { }
      { bond1.interfaces = [ "eth1" "eth2" ]; }
      "Bonds by name.";
    bridges = make.value
      (types.attrsOf (types.submodule {
        options = addresses // {
          enable = make.flag true "Whether this bridge is made.";
          interfaces = make.value (types.listOf types.str) [ ] [ "eth1" ] "Cards or bonds it reaches.";
          private = make.flag false "Whether it reaches no interface: guests only talk to each other.";
          label = maybe types.str "storage" "Name of the network for clients; null takes the bridge's.";
          description = make.value types.str "" "between the filers" "Description for clients.";
          uuid = maybe make.kinds.uuid "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e" "UUID of the network; null derives one.";
          mac = maybe make.kinds.mac "52:54:00:12:34:56" "Hardware address of the bridge.";
          policy = make.derived (types.enum [ "locked" "power" "open" ]) cfg.policy "config.xennix.network.policy" "locked" "What clients may do to it.";
          inherit vlan mtu;
        };
      }))
      { }
      { xenbr1 = { interfaces = [ "eth1" ]; label = "storage"; }; }
      "Networks of guests by the name of their bridge.";
  };

  config = mkMerge [
    (mkIf cfg.enable {
      systemd.network.links = (pure.network.units cfg).links;
    })
    (mkIf (cfg.enable && cfg.names != { }) {
      # udev can't give a card a name another one still has, and gives up: what was found in another order is put
      # right here, by way of names nobody has, before anything uses them.
      systemd.services.xennix-card-names = {
        description = "Give cards the names they are declared with";
        wantedBy = [ "multi-user.target" "network-pre.target" ];
        wants = [ "network-pre.target" ];
        before = [ "network-pre.target" ];
        after = [ "systemd-udevd.service" "systemd-udev-trigger.service" ];
        restartIfChanged = false;
        path = [ pkgs.iproute2 pkgs.systemd ];
        unitConfig.DefaultDependencies = false;
        serviceConfig = { Type = "oneshot"; RemainAfterExit = true; };
        script = pure.network.cardNames cfg.names;
      };
    })
    (mkIf (declarative && active) {
      assertions = pure.assertions (pure.network.checks cfg);
      networking.useNetworkd = mkDefault true;
      networking.useDHCP = mkDefault false;
      systemd.network.enable = true;
    })
    (mkIf (declarative && !active) {
      assertions = pure.assertions (pure.network.checks cfg);
    })
    (mkIf declarative {
      warnings = pure.network.warnings cfg;
    })
    (mkIf (declarative && active && cfg.backend == "networkd") {
      systemd.network = { inherit (pure.network.units cfg) netdevs networks; };
    })
    (mkIf (declarative && active && cfg.backend == "openvswitch") {
      virtualisation.vswitch.enable = true;
      networking.vswitches = pure.network.vswitches cfg;
      systemd.network.networks = (pure.network.unitsOverVswitches cfg).networks;
    })
  ];
}
