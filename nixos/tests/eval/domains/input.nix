# Guests of all kinds, with everything said.
{
  module = { pkgs, ... }: {
    xennix = {
      enable = true;
      host = { uuid = "b9e6a9d0-7a0e-4c61-9f6e-2a3a3a1f0c55"; memory = 6144; };
      hypervisor.dom0.memory = 2048;
      network.management = { interfaces = [ "eth0" ]; address = "192.0.2.10/24"; };
      storage.paths.iso = "/srv/iso";
      storage.repositories.local = { type = "file"; path = "/srv/guests"; default = true; };
      reconcile = { enable = true; package = pkgs.example "reconcile"; dryRun = true; lock = false; removeOthers = true; };
      cache.enable = true;
      domains = {
        windows = {
          enable = true;
          label = "Windows";
          description = "of the bookkeeper";
          uuid = "7c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e";
          type = "hvm";
          memory = 8192;
          vcpus = { count = 2; max = 4; weight = 512; };
          autoStart = false;
          startOrder = 10;
          boot = { kind = "iso"; iso = "windows.iso"; };
          disks.system = { repository = "local"; size = 65536; bootable = true; position = 0; onRemove = "destroy"; };
          disks.old = { uuid = "8c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e"; readOnly = true; };
          networks.lan = { bridge = "xenbr0"; mac = "52:54:00:12:34:99"; locked = true; addresses = [ "192.0.2.20" ]; position = 0; };
          pci = [ "0000:03:00.0" ];
          restartIfChanged = false;
          policy = "open";
          onRemove = "keep";
          extraRecord.ha_restart_priority = "restart";
        };
        appliance = {
          memory = 512;
          boot = { kernel = "/srv/appliance/vmlinuz"; initrd = "/srv/appliance/initrd"; cmdline = [ "console=hvc0" "quiet" ]; };
          disks.root = { path = "/srv/appliance/root.raw"; readOnly = true; };
          policy = "locked";
        };
        old = { type = "pv"; memory = 512; boot.kind = "pvgrub"; disks.root.size = 4096; policy = "locked"; };
        built = {
          memory = 4096;
          config = { };
          nixpkgs = "/nixpkgs-stable";
          specialArgs = { site = "north"; };
          ephemeral = true;
        };
        own = { memory = 1024; config = { }; store = "own"; disks.root.size = 8192; };
        gone = { enable = false; memory = 1; };
      };
      evalGuest = { nixpkgs, modules, specialArgs }: {
        config.boot.kernelParams = [ "nixpkgs=${toString nixpkgs}" "site=${specialArgs.site or "none"}" ]
          ++ builtins.concatMap (module: if module ? xennix then [ "guest=${builtins.toJSON module.xennix.guest}" ] else [ ]) modules;
        config.system.build = { toplevel = "/nix/store/33333333333333333333333333333333-system"; xennixStoreImage = "/nix/store/44444444444444444444444444444444-store.erofs"; };
      };
    };
  };
}
