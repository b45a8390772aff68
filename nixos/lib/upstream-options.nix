# Every option outside this repository that our modules set or read: the file that declares it (in nixpkgs, unless
# `from` says otherwise) and its type. Tests build stand-ins from this list and reject everything else, and level 3
# compares it with a real nixpkgs. `t` is `lib.types`; a `default` is what the stand-in starts from.
let
  text = t: t.str;
  flag = t: t.bool;
  texts = t: t.listOf t.str;
  free = t: t.attrsOf t.anything;
  boot = "nixos/modules/system/boot";
  unit = file: {
    description = { inherit file; type = text; };
    wantedBy = { inherit file; type = texts; };
    requiredBy = { inherit file; type = texts; };
    wants = { inherit file; type = texts; };
    requires = { inherit file; type = texts; };
    after = { inherit file; type = texts; };
    before = { inherit file; type = texts; };
    unitConfig = { inherit file; type = free; };
    serviceConfig = { inherit file; type = free; };
    restartTriggers = { inherit file; type = t: t.listOf t.anything; };
    restartIfChanged = { inherit file; type = flag; };
    script = { inherit file; type = t: t.lines; };
    preStart = { inherit file; type = t: t.lines; };
    path = { inherit file; type = t: t.listOf t.anything; };
    environment = { inherit file; type = t: t.attrsOf (t.nullOr t.str); };
    enable = { inherit file; type = flag; };
  };
  under = prefix: options: builtins.listToAttrs (map (name: { name = "${prefix}.${name}"; value = options.${name}; }) (builtins.attrNames options));
  at = file: builtins.mapAttrs (_: type: { inherit file type; });
  services = under "systemd.services.<name>" (unit "nixos/lib/systemd-unit-options.nix")
    // under "boot.initrd.systemd.services.<name>" {
    inherit (unit "nixos/lib/systemd-unit-options.nix") description wantedBy after before unitConfig serviceConfig script;
  };
in
services
// at "nixos/modules/misc/assertions.nix" {
  "assertions" = t: t.listOf t.anything;
  "warnings" = texts;
}
// at "nixos/modules/config/system-path.nix" {
  "environment.systemPackages" = t: t.listOf t.anything;
  "environment.defaultPackages" = t: t.listOf t.anything;
}
// at "nixos/modules/config/stub-ld.nix" { "environment.stub-ld.enable" = flag; }
// at "nixos/modules/system/etc/etc.nix" {
  "environment.etc.<name>.text" = t: t.nullOr t.lines;
  "environment.etc.<name>.source" = t: t.anything;
}
// at "nixos/modules/config/fonts/fontconfig.nix" { "fonts.fontconfig.enable" = flag; }
// at "nixos/modules/config/xdg/autostart.nix" { "xdg.autostart.enable" = flag; }
// at "nixos/modules/config/xdg/icons.nix" { "xdg.icons.enable" = flag; }
// at "nixos/modules/config/xdg/mime.nix" { "xdg.mime.enable" = flag; }
// at "nixos/modules/config/xdg/sounds.nix" { "xdg.sounds.enable" = flag; }
// at "nixos/modules/config/users-groups.nix" {
  "users.users.<name>.isSystemUser" = flag;
  "users.users.<name>.group" = text;
  "users.users.<name>.home" = t: t.path;
  "users.users.<name>.hashedPasswordFile" = t: t.nullOr t.str;
  "users.groups.<name>.members" = texts;
}
// at "nixos/modules/config/networking.nix" { "networking.timeServers" = texts; }
// at "nixos/modules/config/swap.nix" { "swapDevices" = t: t.listOf (t.attrsOf t.anything); }
// at "nixos/modules/hardware/all-firmware.nix" { "hardware.enableRedistributableFirmware" = flag; }
// at "nixos/modules/misc/documentation.nix" {
  "documentation.enable" = flag;
  "documentation.nixos.enable" = flag;
  "documentation.man.enable" = flag;
}
// at "nixos/modules/misc/nixpkgs.nix" { "nixpkgs.overlays" = t: t.listOf t.raw; }
// at "nixos/modules/programs/command-not-found/command-not-found.nix" { "programs.command-not-found.enable" = flag; }
// at "nixos/modules/security/pam.nix" { "security.pam.services.<name>.unixAuth" = t: t.nullOr t.bool; }
// at "nixos/modules/services/databases/redis.nix" {
  "services.redis.servers.<name>.enable" = flag;
  "services.redis.servers.<name>.unixSocket" = t: t.nullOr t.path;
  "services.redis.servers.<name>.port" = t: t.port;
}
// at "nixos/modules/services/hardware/udisks2.nix" { "services.udisks2.enable" = flag; }
// at "nixos/modules/services/misc/nix-gc.nix" {
  "nix.gc.automatic" = flag;
  "nix.gc.options" = t: t.either (t.listOf t.str) t.str;
}
// at "nixos/modules/config/nix.nix" { "nix.settings" = free; }
// at "nixos/modules/services/networking/nix-serve.nix" {
  "services.nix-serve.enable" = flag;
  "services.nix-serve.package" = t: t.package;
  "services.nix-serve.bindAddress" = text;
  "services.nix-serve.port" = t: t.port;
  "services.nix-serve.secretKeyFile" = t: t.nullOr t.str;
}
// at "nixos/modules/services/networking/firewall.nix" {
  "networking.firewall.allowedTCPPorts" = t: t.listOf t.port;
  "networking.firewall.interfaces.<name>.allowedTCPPorts" = t: t.listOf t.port;
}
// at "nixos/modules/config/console.nix" { "console.keyMap" = t: t.either t.str t.path; }
// at "nixos/modules/config/locale.nix" { "time.timeZone" = t: t.nullOr t.str; }
// at "nixos/modules/services/networking/iscsi/initiator.nix" {
  "services.openiscsi.enable" = flag;
  "services.openiscsi.name" = text;
}
// at "nixos/modules/services/networking/ssh/sshd.nix" {
  "users.users.<name>.openssh.authorizedKeys.keys" = texts;
  "services.openssh.enable" = flag;
  "services.openssh.settings" = free;
}
// at "nixos/modules/system/activation/activation-script.nix" {
  "system.activationScripts.<name>.text" = t: t.lines;
  "system.activationScripts.<name>.supportsDryActivation" = flag;
}
// {
  "system.build" = {
    file = "nixos/modules/system/build.nix";
    type = t: t.attrsOf t.raw;
    default = { };
  };
}
// at "${boot}/kernel.nix" {
  "boot.kernelModules" = texts;
  "boot.kernelParams" = texts;
  "boot.initrd.availableKernelModules" = texts;
}
// at "${boot}/loader/efi.nix" { "boot.loader.efi.canTouchEfiVariables" = flag; }
// at "${boot}/loader/grub/grub.nix" { "boot.loader.grub.enable" = flag; }
// at "${boot}/loader/limine/limine.nix" {
  "boot.loader.limine.enable" = flag;
  "boot.loader.limine.maxGenerations" = t: t.nullOr t.int;
  "boot.loader.limine.efiSupport" = flag;
  "boot.loader.limine.biosSupport" = flag;
  "boot.loader.limine.biosDevice" = text;
}
// at "${boot}/loader/systemd-boot/systemd-boot.nix" {
  "boot.loader.systemd-boot.enable" = flag;
  "boot.loader.systemd-boot.configurationLimit" = t: t.nullOr t.int;
  "boot.loader.systemd-boot.extraInstallCommands" = t: t.lines;
}
// at "${boot}/networkd.nix" {
  "systemd.network.enable" = flag;
  "systemd.network.links.<name>.matchConfig" = free;
  "systemd.network.links.<name>.linkConfig" = free;
  "systemd.network.netdevs.<name>.netdevConfig" = free;
  "systemd.network.netdevs.<name>.bridgeConfig" = free;
  "systemd.network.netdevs.<name>.bondConfig" = free;
  "systemd.network.netdevs.<name>.vlanConfig" = free;
  "systemd.network.networks.<name>.matchConfig" = free;
  "systemd.network.networks.<name>.linkConfig" = free;
  "systemd.network.networks.<name>.networkConfig" = free;
  "systemd.network.networks.<name>.dhcpV4Config" = free;
  "systemd.network.networks.<name>.address" = texts;
  "systemd.network.networks.<name>.addresses" = t: t.listOf (t.attrsOf t.anything);
  "systemd.network.networks.<name>.gateway" = texts;
  "systemd.network.networks.<name>.dns" = texts;
  "systemd.network.networks.<name>.domains" = texts;
  "systemd.network.networks.<name>.vlan" = texts;
  "systemd.network.networks.<name>.routes" = t: t.listOf (t.attrsOf t.anything);
}
// at "${boot}/systemd.nix" { "systemd.package" = t: t.package; }
// at "${boot}/systemd/initrd.nix" { "boot.initrd.systemd.enable" = flag; }
// at "${boot}/systemd/tmpfiles.nix" { "systemd.tmpfiles.rules" = texts; }
// at "${boot}/timesyncd.nix" { "services.timesyncd.enable" = flag; }
// at "nixos/modules/tasks/filesystems.nix" {
  "boot.supportedFilesystems" = texts;
  "system.fsPackages" = t: t.listOf t.anything;
  "fileSystems.<name>.device" = t: t.nullOr t.str;
  "fileSystems.<name>.fsType" = text;
  "fileSystems.<name>.options" = texts;
  "fileSystems.<name>.autoFormat" = flag;
}
// {
  "fileSystems.<name>.neededForBoot" = { file = "nixos/modules/tasks/filesystems.nix"; type = flag; default = false; };
}
// at "nixos/modules/services/hardware/udev.nix" { "services.udev.packages" = t: t.listOf t.anything; }
// at "nixos/modules/tasks/lvm.nix" { "services.lvm.enable" = flag; }
// at "nixos/modules/tasks/network-interfaces.nix" {
  "networking.hostName" = text;
  "networking.useNetworkd" = flag;
  "networking.useDHCP" = flag;
  "networking.vswitches.<name>.interfaces.<name>.vlan" = t: t.nullOr t.int;
  "networking.vswitches.<name>.extraOvsctlCmds" = t: t.lines;
}
// at "nixos/modules/virtualisation/nixos-containers.nix" { "boot.enableContainers" = flag; }
// at "nixos/modules/virtualisation/openvswitch.nix" { "virtualisation.vswitch.enable" = flag; }
// at "nixos/modules/virtualisation/xen-dom0.nix" {
  "virtualisation.xen.enable" = flag;
  "virtualisation.xen.package" = t: t.package;
  "virtualisation.xen.qemu.package" = t: t.package;
  "virtualisation.xen.boot.params" = texts;
  "virtualisation.xen.dom0Resources.memory" = t: t.ints.unsigned;
  "virtualisation.xen.dom0Resources.maxMemory" = t: t.ints.unsigned;
  "virtualisation.xen.dom0Resources.maxVCPUs" = t: t.ints.unsigned;
}
  // {
  "environment.persistence.<name>.hideMounts" = { from = "impermanence"; file = "nixos.nix"; type = flag; };
  "environment.persistence.<name>.directories" = { from = "impermanence"; file = "nixos.nix"; type = texts; };
  "environment.persistence.<name>.files" = { from = "impermanence"; file = "nixos.nix"; type = texts; };
  "disko.devices" = { from = "disko"; file = "module.nix"; type = free; };
}
