# BIOS: limine, which can't start an entry once.
{
  from = [ "disko" ];
  module = {
    xennix.enable = true;
    xennix.disks = { layout = "bios-ext4"; device = "/dev/sda"; allowUnstableDevice = true; };
    xennix.boot.configurationLimit = 0;
  };
}
