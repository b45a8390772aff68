# The machine as the old system saw it, and what Xen was told.
# The drivers in use are only known on the running host: these are the usual ones.
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "ata_piix"
    "bnxt_en"
    "e1000e"
    "hpsa"
    "i40e"
    "igb"
    "ixgbe"
    "megaraid_sas"
    "mpt3sas"
    "nvme"
    "sd_mod"
    "tg3"
    "usb_storage"
    "usbhid"
    "xhci_pci"
  ];
  xennix.hypervisor = {
    dom0 = { memory = 4096; vcpus = 16; };
    cmdline = [ "watchdog" ];
  };
  xennix.host.memory = 65533;
}
