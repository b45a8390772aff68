# Declared guests: options, and what a guest that runs NixOS is built from. They reach the toolstack through the
# manifest.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  inherit (pure.prelude) enabled filterAttrs optional;
  cfg = config.xennix.domains;
  maybe = type: example: description: make.value (types.nullOr type) null example description;

  diskType = types.submodule {
    options = {
      repository = make.derived (types.nullOr types.str) defaultRepository "the repository with `default = true`" "local" "Repository that holds the disk.";
      size = maybe types.ints.positive 20480 "Size in MiB of a disk that is made. It can grow later, never shrink.";
      path = maybe types.path "/srv/images/appliance.raw" "File handed to the guest read-only instead.";
      uuid = maybe make.kinds.uuid "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e" "UUID of a disk that exists already and is only attached.";
      readOnly = make.flag false "Whether the guest may only read it.";
      bootable = make.flag false "Whether firmware and boot loader start from it.";
      position = make.value types.int 100 0 "Place among the guest's disks, lowest first; equal ones go by name. The first is xvda.";
      onRemove = make.choice [ "keep" "destroy" ] "keep" "What becomes of the disk when it is no longer declared and its guest is removed.";
    };
  };
  nicType = types.submodule {
    options = {
      bridge = make.derived types.str config.xennix.network.management.bridge "config.xennix.network.management.bridge" "xenbr1" "Bridge of the network it is plugged into.";
      mac = maybe make.kinds.mac "52:54:00:12:34:56" "Hardware address; null derives one that stays.";
      locked = make.flag false "Whether only `addresses` may pass.";
      addresses = make.value (types.listOf types.str) [ ] [ "192.0.2.20" "2001:db8::20" ] "IP addresses the guest may use when it is locked.";
      position = make.value types.int 100 0 "Place among the guest's cards, lowest first; equal ones go by name.";
    };
  };

  defaultRepository =
    let found = filterAttrs (_: sr: sr.default) (pure.storage.resolve config.xennix.storage);
    in if found == { } then null else builtins.head (builtins.attrNames found);

  domainType = types.submodule ({ name, config, ... }:
    let
      nixos = config.config != null;
      system = evaluate name config;
      build = system.config.system.build;
      image = config.store == "image";
    in
    {
      options = {
        enable = make.flag true "Whether this guest is declared.";
        label = maybe types.str "web server" "Name for clients; null takes the option's.";
        description = make.value types.str "" "serves the intranet" "Description for clients.";
        uuid = maybe make.kinds.uuid "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e" "UUID; null derives one from the host's and the name.";
        type = make.choice [ "pvh" "hvm" "pv" ] "pvh" "How it is virtualised.";
        memory = make.required types.ints.positive 2048 "Memory in MiB.";
        vcpus = {
          count = make.value types.ints.positive 1 4 "Virtual processors at start.";
          max = maybe types.ints.positive 8 "Virtual processors it can be given while it runs; null: as many as it starts with.";
          weight = make.value (types.ints.between 1 65535) 256 512 "Share of the processors against other guests.";
        };
        autoStart = make.flag true "Whether it starts with the host.";
        startOrder = make.value types.ints.unsigned 0 10 "Lower ones start first.";
        boot = {
          kind = make.derived (types.enum [ "direct" "pvgrub" "uefi" "bios" "iso" ])
            (if nixos || config.type != "hvm" then "direct" else "uefi")
            "direct, or uefi for hvm" "bios" "What it starts from.";
          kernel = make.derived (types.nullOr types.path) (if nixos then "${build.toplevel}/kernel" else null) "that of `config`" "/boot/vmlinuz" "Kernel file on this host, for `direct`.";
          initrd = make.derived (types.nullOr types.path) (if nixos then "${build.toplevel}/initrd" else null) "that of `config`" "/boot/initrd" "Initial RAM disk, for `direct`.";
          cmdline = make.derived (types.listOf types.str)
            (if nixos then [ "init=${build.toplevel}/init" ] ++ system.config.boot.kernelParams else [ ])
            "what `config` needs" [ "console=hvc0" ] "Arguments of the kernel, for `direct`.";
          iso = maybe types.str "installer.iso" "Name of an image in an ISO repository, for `iso`.";
        };
        disks = make.value (types.attrsOf diskType) { } { root.size = 20480; } "Disks by name.";
        networks = make.value (types.attrsOf nicType) { } { lan.bridge = "xenbr0"; } "Network cards by name.";
        pci = make.value (types.listOf (types.strMatching "[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]")) [ ] [ "0000:03:00.0" ] "PCI devices of the host handed to the guest.";
        config = maybe types.deferredModule (lib.literalExpression "{ services.nginx.enable = true; }") "NixOS configuration of the guest; null for guests that run something else.";
        nixpkgs = make.derived (types.nullOr types.path) null "that of this host" (lib.literalExpression "inputs.nixpkgs-stable") "Another nixpkgs for the guest's `config`.";
        specialArgs = make.value types.raw { } { site = "north"; } "Further arguments of the guest's modules.";
        store = make.choice [ "image" "shared" "own" ] "image"
          "Where a NixOS guest has its store: a read-only image made here, or on its own disk. `shared`, this host's own store read-only, can't be had yet and is refused.";
        ephemeral = make.flag false "Whether the root of a NixOS guest lives in memory and is new at each start.";
        restartIfChanged = make.flag true "Whether a switch restarts it when it can't be changed while it runs.";
        policy = make.choice [ "locked" "power" "open" ] "power"
          "What clients may do: nothing (`locked`); start, stop, snapshots and consoles (`power`); everything until the next switch (`open`).";
        onRemove = make.choice [ "shutdown" "keep" "destroy" ] "shutdown" "What becomes of it when it is no longer declared.";
        extraRecord = make.value (types.attrsOf types.str) { } { ha_restart_priority = "restart"; } "Further fields of the VM's record, by their API names.";
      };
      # The image comes first, so that the guest finds its store without a name.
      config.disks = mkIf (nixos && image) {
        store = { path = mkDefault "${build.xennixStoreImage}"; readOnly = mkDefault true; position = mkDefault (-1); repository = mkDefault null; };
      };
    });

  evaluate = name: domain: config.xennix.evalGuest {
    inherit (domain) nixpkgs specialArgs;
    modules = [
      domain.config
      {
        xennix.guest = {
          enable = true;
          # What is refused below is not evaluated further.
          store = if domain.store == "shared" then "own" else domain.store;
          rootDevice = if domain.ephemeral || !(domain.disks ? root) then null else pure.domains.deviceOf domain "root";
          cache.publicKeys = config.xennix.cache.publicKeys;
          cache.url =
            if config.xennix.cache.enable && config.xennix.cache.address != null
            then "http://${config.xennix.cache.address}:${toString config.xennix.cache.port}" else null;
        };
        networking.hostName = mkDefault name;
      }
    ];
  };
in
{
  options.xennix = {
    domains = make.value (types.attrsOf domainType) { } { web = { memory = 2048; disks.root.size = 20480; }; } "Guests by name.";
    evalGuest = make.derived types.raw
      ({ nixpkgs, modules, specialArgs }: import ((if nixpkgs == null then pkgs.path else nixpkgs) + "/nixos/lib/eval-config.nix") {
        inherit (pkgs.stdenv.hostPlatform) system;
        inherit specialArgs;
        modules = modules ++ [ ./domu-guest.nix ];
      })
      "nixos/lib/eval-config.nix of the nixpkgs in use"
      (lib.literalExpression "args: inputs.nixpkgs.lib.nixosSystem args")
      "Function that evaluates the `config` of a guest.";
  };

  config = mkIf (enabled cfg != { }) {
    assertions = pure.assertions (pure.domains.checks
      {
        bridges = if config.xennix.network.enable then builtins.attrNames (pure.network.resolve config.xennix.network).bridges else [ ];
        repositories = builtins.attrNames (pure.storage.resolve config.xennix.storage) ++ optional (defaultRepository != null) "default";
        openBridges = config.xennix.network.mode == "xapi" || !config.xennix.network.enable;
        hostUuid = config.xennix.host.uuid;
      }
      cfg);
    warnings = pure.domains.warnings
      {
        hostMemory = config.xennix.host.memory;
        dom0Memory = if builtins.isInt config.xennix.hypervisor.dom0.memory then config.xennix.hypervisor.dom0.memory else 0;
      }
      (enabled cfg);
  };
}
