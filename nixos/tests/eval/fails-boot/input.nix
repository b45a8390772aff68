# A boot loader this machine can't have, and no way to find the store.
{ module.xennix = { enable = true; boot = { firmware = "bios"; loader = "systemd-boot"; }; }; }
