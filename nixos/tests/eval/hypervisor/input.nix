# Xen with everything said.
{
  module = { pkgs, ... }: {
    xennix.hypervisor = {
      enable = true;
      package = pkgs.example "xen";
      dom0 = { memory = 4096; vcpus = 4; pinned = true; };
      cmdline = [ "loglvl=all" ];
      iommu = false;
      ucode = false;
      xl.settings = { autoballoon = "off"; run_hotplug_scripts = true; };
    };
    xennix.host.memory = 16384;
  };
}
