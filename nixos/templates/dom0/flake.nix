{
  inputs.xennix.url = "github:xennix/xennix";
  outputs = { xennix, ... }: {
    nixosConfigurations.dom0 = xennix.lib.mkDom0 {
      modules = [
        ./hardware.nix
        {
          networking.hostName = "dom0";
          xennix.disks = { layout = "efi-lvm"; device = "/dev/disk/by-id/nvme-EXAMPLE"; };
          xennix.network.management = { interfaces = [ "eno1" ]; dhcp = true; };
          xennix.storage.repositories.local = { type = "lvm"; device = "/dev/disk/by-id/nvme-OTHER"; default = true; };
          xennix.domains.web = { memory = 2048; networks.lan = { }; config.services.nginx.enable = true; };
          users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA me" ];
          system.stateVersion = "26.05";
        }
      ];
    };
  };
}
