# Repositories as they are: only introduced and attached. Their disks are never mentioned for formatting.
{
  xennix.storage = {
    policy = "open";
    suspendRepository = "local-storage";
    repositories = {
      iso-library = {
        type = "other";
        xapiType = "iso";
        adopted = true;
        uuid = "fa492975-da26-505a-abff-3e7f24e3e6ff";
        label = "ISO library";
        shared = true;
        deviceConfig = {
          cifspassword_secret = "9efe4584-cc76-5eda-86ed-67529fd5772f";
          location = "//198.51.100.30/iso";
          type = "cifs";
          username = "iso";
          vers = "3.0";
        };
      };
      lvm-thick = {
        type = "lvm";
        device = "/dev/disk/by-id/nvme-SYNTH_NVME_1";
        adopted = true;
        uuid = "c3bd3523-9692-554f-90a3-6f4edb1aab62";
        label = "LVM thick";
        shared = false;
      };
      local-storage = {
        type = "ext";
        device = "/dev/disk/by-id/ata-SYNTH_DISK_SINGLE0-part3";
        adopted = true;
        uuid = "d1059215-534a-50e9-a5e5-673ff6e78ee0";
        label = "Local storage";
        shared = false;
        default = true;
      };
      nfs-shared-a-b = {
        type = "nfs";
        server = "198.51.100.20";
        serverPath = "/export/vms";
        adopted = true;
        uuid = "991e05ec-867d-5bc5-aabf-2e91ad004069";
        label = "NFS shared 'A & B'";
        shared = true;
        deviceConfig = { nfsversion = "4.1"; options = ""; };
      };
    };
  };
}
