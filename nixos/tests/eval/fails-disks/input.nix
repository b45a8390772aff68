# A layout without disko, on a disk whose name changes.
{ module.xennix.disks = { layout = "efi-ext4"; device = "/dev/sda"; }; }
