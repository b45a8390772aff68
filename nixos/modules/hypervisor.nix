# Xen under this system, on top of nixpkgs' own module. The only file that sets `virtualisation.xen`.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkForce mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  inherit (pure.prelude) mapToList optional;
  cfg = config.xennix.hypervisor;
  fixed = cfg.dom0.memory != "auto";
  text = value: if builtins.isBool value then (if value then "1" else "0") else if builtins.isInt value then toString value else builtins.toJSON value;
in
{
  options.xennix.hypervisor = {
    enable = make.derived types.bool config.xennix.enable "config.xennix.enable" false "Whether to boot into Xen.";
    package = make.value (types.nullOr types.package) null (lib.literalExpression "pkgs.xen") "Xen to use; null takes the one of nixpkgs.";
    dom0 = {
      memory = make.value (types.either (types.enum [ "auto" ]) types.ints.positive) "auto" 4096
        "Memory of dom0 in MiB. `auto` lets Xen take 1 GiB and a tenth of the machine, at most 8 GiB.";
      vcpus = make.value types.ints.unsigned 0 4 "Virtual processors of dom0; 0 gives it one for each of the machine's.";
      pinned = make.flag false "Whether each virtual processor of dom0 stays on its own physical one.";
    };
    cmdline = make.value (types.listOf types.str) [ ] [ "loglvl=all" ] "Further arguments of Xen's command line.";
    iommu = make.flag true "Whether Xen uses the IOMMU, which passing devices to guests needs.";
    ucode = make.flag true "Whether Xen loads the newest microcode it finds in the initrd.";
    xl.settings = make.value (types.attrsOf (types.oneOf [ types.bool types.int types.str ])) { } { autoballoon = "off"; }
      "Settings of xl.conf; empty leaves the file of the Xen package.";
  };

  config = mkIf cfg.enable {
    assertions = pure.assertions [
      (pure.prelude.check "xen-dom0-memory" (!fixed || config.xennix.host.memory == null || cfg.dom0.memory < config.xennix.host.memory)
        "dom0 would get more memory than the host has: lower `xennix.hypervisor.dom0.memory` or correct `xennix.host.memory`")
    ];
    virtualisation.xen = {
      enable = true;
      package = mkIf (cfg.package != null) cfg.package;
      dom0Resources = {
        memory = mkDefault (if fixed then cfg.dom0.memory else 0);
        maxMemory = mkIf fixed (mkDefault cfg.dom0.memory);
        maxVCPUs = mkDefault cfg.dom0.vcpus;
      };
      boot.params = optional (!fixed) "dom0_mem=1G+10%,max:8G"
        ++ optional cfg.dom0.pinned "dom0_vcpus_pin"
        ++ optional (!cfg.iommu) "iommu=no"
        ++ optional cfg.ucode "ucode=scan"
        ++ cfg.cmdline;
    };
    # nixpkgs' module asks for it.
    boot.initrd.systemd.enable = mkDefault true;
    boot.kernelModules = [ "xen-netback" "xen-blkback" "xen-gntdev" "xen-evtchn" ];
    environment.etc."xen/xl.conf" = mkIf (cfg.xl.settings != { }) {
      source = mkForce (pkgs.writeText "xl.conf" (builtins.concatStringsSep "" (mapToList (name: value: "${name}=${text value}\n") cfg.xl.settings)));
    };
    # Guests are the toolstack's: nothing else starts or stops them.
    systemd.services.xendomains.enable = mkDefault false;
  };
}
