# `infect generate` writes this file from what it finds on the host.
{
  boot.initrd.availableKernelModules = [ "ahci" "nvme" "sd_mod" "usbhid" "xhci_pci" ];
}
