# Every kind of repository.
{
  module.xennix = {
    enable = true;
    storage = {
      policy = "open";
      paths = { iso = "/srv/iso"; images = "/srv/images"; suspend = "/srv/suspend"; };
      repositories = {
        local = { enable = true; type = "ext"; device = "/dev/disk/by-id/nvme-EXAMPLE-part3"; default = true; label = "Local storage"; description = "one SSD"; policy = "locked"; };
        fast = { type = "lvm"; device = "/dev/disk/by-id/nvme-OTHER"; create = false; };
        tank = { type = "zfs"; path = "/tank/guests"; };
        grove = { type = "btrfs"; path = "/grove/guests"; };
        plain = { type = "file"; path = "/srv/plain"; };
        filer = { type = "nfs"; server = "filer.example.org"; serverPath = "/export/guests"; deviceConfig.nfsversion = "4.1"; };
        images-of-filer = { type = "nfs-iso"; server = "filer.example.org"; serverPath = "/export/iso"; };
        san = { type = "other"; xapiType = "lvmoiscsi"; shared = true; deviceConfig = { target = "192.0.2.9"; targetIQN = "iqn.2026-01.org.example:san"; SCSIid = "360"; }; };
        gone = { enable = false; type = "file"; path = "/nowhere"; };
      };
    };
  };
}
