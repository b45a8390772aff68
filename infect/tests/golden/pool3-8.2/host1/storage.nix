# Repositories as they are: only introduced and attached. Their disks are never mentioned for formatting.
{
  xennix.storage = {
    policy = "open";
    suspendRepository = "san-iscsi";
    repositories = {
      local-storage = {
        type = "lvm";
        device = "/dev/disk/by-id/ata-SYNTH_DISK_POOL31-part3";
        adopted = true;
        uuid = "0282ca2e-4203-503c-8f0f-f6b8aba8aa6e";
        label = "Local storage";
        shared = false;
      };
      san-iscsi = {
        type = "other";
        xapiType = "lvmoiscsi";
        adopted = true;
        uuid = "3cff3ecd-aff0-522b-b810-46a972c6f821";
        label = "SAN iSCSI";
        shared = true;
        default = true;
        deviceConfig = {
          SCSIid = "3600synth00000001";
          chappassword_secret = "3ae30a0c-648e-5437-93b6-91cc0575d61e";
          chapuser = "xen";
          multiSession = "";
          port = "3260";
          target = "198.51.100.40";
          targetIQN = "iqn.2020-01.net.example:san";
        };
      };
    };
  };
}
