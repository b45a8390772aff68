# A layout without a disk.
{ from = [ "disko" ]; module.xennix.disks.layout = "efi-ext4"; }
