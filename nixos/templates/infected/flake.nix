{
  inputs.xennix.url = "github:xennix/xennix";
  outputs = { xennix, ... }: {
    nixosConfigurations.dom0 = xennix.lib.mkDom0 {
      modules = [
        # Of one piece with what `infect generate` writes; change what you like once the host is confirmed.
        ./hardware.nix
        ./disks.nix
        ./network.nix
        ./storage.nix
        ./pool.nix
        {
          xennix.migrate.enable = true;
          users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA me" ];
          system.stateVersion = "26.05";
        }
      ];
    };
  };
}
