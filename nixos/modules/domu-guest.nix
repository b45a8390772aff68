# For systems that run as guests: devices, agent, store, and the cache of their host.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge types;
  make = import ./make.nix lib;
  cfg = config.xennix.guest;
  agents = { rust = pkgs.xen-guest-agent; go = pkgs.xe-guest-utilities; none = null; };
  agent = agents.${cfg.agent};
  binaries = { rust = "xen-guest-agent"; go = "xe-daemon"; };
in
{
  options.xennix.guest = {
    enable = make.flag false "Whether this system runs as a Xen guest.";
    agent = make.choice [ "rust" "go" "none" ] "rust" "Program that tells the host about addresses, memory and the system.";
    store = make.choice [ "image" "own" ] "own" "Whether /nix/store is an image made by the host, or lies on a disk of this system.";
    storeDevice = make.value make.kinds.absolute "/dev/xvda" "/dev/xvdb" "Device of the image.";
    rootDevice = make.value (types.nullOr make.kinds.absolute) null "/dev/disk/by-label/root" "Device of the root with `image`; null keeps it in memory. An empty disk is formatted.";
    cache = {
      url = make.value (types.nullOr types.str) null "http://192.0.2.10:5000" "Cache of the host; null uses none.";
      publicKeys = make.value (types.listOf types.str) [ ] [ "dom0-1:AAAA" ] "Keys the cache signs with.";
    };
    console = make.flag true "Whether the console of the host shows kernel messages and a login.";
  };

  config = mkIf cfg.enable (mkMerge [
    {
      boot.initrd.availableKernelModules = [ "xen-blkfront" "xen-netfront" "erofs" "overlay" ];
      boot.kernelParams = mkIf cfg.console [ "console=hvc0" ];
      services.timesyncd.enable = mkDefault true;
      systemd.services.xennix-guest-agent = mkIf (agent != null) {
        description = "Xen guest agent";
        wantedBy = [ "multi-user.target" ];
        unitConfig.ConditionVirtualization = "xen";
        serviceConfig = { ExecStart = "${agent}/bin/${binaries.${cfg.agent}}"; Restart = "on-failure"; };
      };
      nix.settings = mkIf (cfg.cache.url != null) {
        substituters = [ cfg.cache.url ];
        trusted-public-keys = cfg.cache.publicKeys;
      };
    }
    (mkIf (cfg.store == "image") {
      # The host starts our kernel itself.
      boot.loader.grub.enable = mkDefault false;
      fileSystems."/nix/store" = { device = cfg.storeDevice; fsType = "erofs"; options = [ "ro" ]; neededForBoot = true; };
      fileSystems."/" =
        if cfg.rootDevice == null then { device = mkDefault "none"; fsType = mkDefault "tmpfs"; options = [ "mode=755" ]; }
        else { device = mkDefault cfg.rootDevice; fsType = mkDefault "ext4"; autoFormat = mkDefault true; };
      system.build.xennixStoreImage = pkgs.runCommand "store.erofs"
        { nativeBuildInputs = [ pkgs.erofs-utils ]; closure = pkgs.closureInfo { rootPaths = [ config.system.build.toplevel ]; }; } ''
        mkdir store
        xargs -a $closure/store-paths cp -a -t store
        mkfs.erofs --all-root -T 1 $out store
      '';
    })
  ]);
}
