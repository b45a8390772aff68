# Replace by what `nixos-generate-config --show-hardware-config --no-filesystems` says on the machine.
{
  boot.initrd.availableKernelModules = [ "ahci" "nvme" "sd_mod" "usbhid" "xhci_pci" ];
}
