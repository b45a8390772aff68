# The store of dom0 for guests on two bridges.
{
  module = { pkgs, ... }: {
    networking.hostName = "north";
    xennix = {
      network = { enable = true; management = { interfaces = [ "eth0" ]; dhcp = true; }; bridges.xenbr1 = { interfaces = [ "eth1" ]; address = "198.51.100.2/24"; }; };
      cache = {
        enable = true;
        bridges = [ "xenbr0" "xenbr1" ];
        port = 8080;
        keyName = "north-2";
        publicKeys = [ "north-2:AAAA" ];
        upstream = [ "https://cache.example.org" ];
        package = pkgs.example "nix-serve-ng";
      };
    };
  };
}
