# The example of the README: a machine with one card.
{
  from = [ "disko" ];
  module = {
    xennix.enable = true;
    networking.hostName = "dom0";
    xennix.disks = { layout = "efi-lvm"; device = "/dev/disk/by-id/nvme-EXAMPLE"; rootSize = "40G"; swap = "4G"; espSize = "2G"; };
    xennix.network.management = { interfaces = [ "eno1" ]; dhcp = true; };
    xennix.storage.repositories.local = { type = "lvm"; device = "/dev/system/guests"; default = true; };
    xennix.domains.web = { memory = 2048; disks.root.size = 20480; networks.lan = { }; config = { services.nginx.enable = true; }; };
    xennix.evalGuest = { modules, ... }: {
      config.boot.kernelParams = [ "console=hvc0" "modules=${toString (builtins.length modules)}" ];
      config.system.build = {
        toplevel = "/nix/store/11111111111111111111111111111111-nixos-system-web";
        xennixStoreImage = "/nix/store/22222222222222222222222222222222-store.erofs";
      };
    };
  };
}
