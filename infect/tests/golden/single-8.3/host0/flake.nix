{
  inputs.xennix.url = "github:xennix/xennix";
  outputs = { xennix, ... }: {
    nixosConfigurations.xcp-one = xennix.lib.mkDom0 {
      modules = [
        # Written by `infect generate`; change what you like once the host is confirmed.
        ./hardware.nix
        ./disks.nix
        ./network.nix
        ./storage.nix
        ./pool.nix
        {
          xennix.migrate = { enable = true; handoffDir = "/var/lib/xennix-handoff"; };
          system.stateVersion = "26.05";
        }
      ];
    };
  };
}
