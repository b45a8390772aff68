# Everything a dom0 is made of. Each part has its own `enable`; `xennix.enable` turns the usual ones on.
{ lib, config, ... }:
let
  make = import ./make.nix lib;
  pure = import ../lib;
in
{
  imports = [
    ./xapi.nix
    ./hypervisor.nix
    ./boot.nix
    ./boot-confirm.nix
    ./network.nix
    ./storage.nix
    ./disks.nix
    ./profile-minimal.nix
    ./domains.nix
    ./manifest.nix
    ./migrate.nix
    ./cache.nix
    ./impermanence.nix
    ./orchestra.nix
  ];

  options.xennix = {
    enable = make.flag false ''
      Whether to make this machine a dom0: hypervisor, toolstack, networks, storage, a small system and reconciliation
      of what is declared. Each part can be switched off by its own `enable`.
    '';
    host = {
      uuid = make.derived make.kinds.uuid (pure.uuid.derive "xennix" config.networking.hostName)
        "a UUID derived from networking.hostName"
        "b9e6a9d0-7a0e-4c61-9f6e-2a3a3a1f0c55"
        "UUID of this host in the API. UUIDs of declared objects derive from it, so it must not change later.";
      nameLabel = make.derived lib.types.str config.networking.hostName "networking.hostName" "rack 4, upper"
        "Name of this host for clients.";
      nameDescription = make.value lib.types.str "Declared with NixOS" "the test machine" "Description of this host for clients.";
      memory = make.value (lib.types.nullOr lib.types.ints.positive) null 65536
        "Memory of this machine in MiB, when it is known; guests that want more are then warned about.";
    };
    pool = {
      nameLabel = make.value lib.types.str "" "laboratory" "Name of the pool for clients; empty leaves it alone.";
      nameDescription = make.value lib.types.str "" "everything in the cellar" "Description of the pool; empty leaves it alone.";
    };
  };
}
