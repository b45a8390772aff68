# UEFI with limine: no start on probation, and none is asked for.
{
  module.xennix = {
    enable = true;
    boot = { firmware = "uefi"; loader = "limine"; };
    hypervisor.dom0.memory = 2048;
  };
}
