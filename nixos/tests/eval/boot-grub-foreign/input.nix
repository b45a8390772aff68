# A converted host keeps the GRUB it has.
{
  module = { pkgs, ... }: {
    xennix.enable = true;
    xennix.boot = {
      package = pkgs.example "boot-tool";
      firmware = "bios";
      loader = "grub-foreign";
      foreignGrub = { directory = "/old/boot/grub"; rootUuid = "2f1d9a9c-7a44-4a43-8e55-9f0c6f6e3a10"; };
      confirm = {
        timeout = 300;
        automatic = false;
        reach = "192.0.2.1:53";
        checks = { xapi = false; units = [ "sshd.service" ]; };
      };
    };
    xennix.disks = {
      layout = "xcp-ng-inplace";
      device = "/dev/disk/by-id/ata-EXAMPLE";
      rootDevice = "/dev/disk/by-label/xennix-root";
      efi = false;
      keepOldRoot = true;
      keepOldLogs = false;
    };
    xennix.migrate = { enable = true; package = pkgs.example "infect"; handoffDir = "/old-state"; };
  };
}
