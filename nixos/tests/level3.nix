# Level 3: the list of upstream options against a real nixpkgs, and real systems to their derivations. Never built.
{ nixpkgs, disko ? null, impermanence ? null }:
let
  inherit (builtins) attrNames concatStringsSep elem filter head isString listToAttrs map split tail;
  upstream = import ../lib/upstream-options.nix;
  system = "x86_64-linux";
  evaluate = modules: import "${nixpkgs}/nixos/lib/eval-config.nix" {
    inherit system;
    modules = modules ++ [{ nixpkgs.overlays = [ (import ../overlay.nix) ]; system.stateVersion = "26.05"; }];
  };
  bare = evaluate [ ];
  present = [ "nixpkgs" ] ++ (if disko == null then [ ] else [ "disko" ]) ++ (if impermanence == null then [ ] else [ "impermanence" ]);
  listed = filter (path: elem (upstream.${path}.from or "nixpkgs") present) (attrNames upstream);
  components = path: filter isString (split "\\." path);

  # The option at a path, through submodules; null where there is none.
  find = tree: path:
    if tree ? _type && tree._type == "option" then
      (if path == [ ] then tree
      else
        let sub = tree.type.getSubOptions [ ]; rest = if head path == "<name>" then tail path else path; in
        # Free-form settings take every member.
        if rest == [ ] || sub == { } then tree else find sub rest)
    else if path == [ ] || !(tree ? ${head path}) then null
    else find tree.${head path} (tail path);
  files = option: concatStringsSep " " (map toString option.declarations);
  found = listToAttrs (map (path: { name = path; value = find bare.options (components path); }) listed);
  contains = text: part: builtins.length (split (builtins.replaceStrings [ "." ] [ "\\." ] part) text) > 1;

  cases = {
    uefi = {
      xennix.enable = true;
      xennix.network.management = { interfaces = [ "eno1" ]; dhcp = true; };
      fileSystems."/" = { device = "/dev/disk/by-label/root"; fsType = "ext4"; };
      fileSystems."/boot" = { device = "/dev/disk/by-label/boot"; fsType = "vfat"; };
    };
    bios = {
      xennix.enable = true;
      xennix.boot.firmware = "bios";
      boot.loader.limine.biosDevice = "/dev/sda";
      xennix.network.management = { interfaces = [ "eno1" ]; address = "192.0.2.10/24"; gateway = "192.0.2.1"; };
      fileSystems."/" = { device = "/dev/disk/by-label/root"; fsType = "ext4"; };
    };
    converted = {
      xennix.enable = true;
      xennix.boot = { firmware = "bios"; loader = "grub-foreign"; foreignGrub.rootUuid = "2f1d9a9c-7a44-4a43-8e55-9f0c6f6e3a10"; };
      xennix.disks = { layout = "xcp-ng-inplace"; device = "/dev/disk/by-id/ata-EXAMPLE"; efi = false; };
      xennix.network.management = { interfaces = [ "eth0" ]; dhcp = true; };
      xennix.migrate.enable = true;
    };
    guest = {
      xennix.enable = true;
      xennix.network.management = { interfaces = [ "eno1" ]; dhcp = true; };
      xennix.storage.repositories.local = { type = "file"; path = "/srv/guests"; default = true; };
      xennix.domains.web = { memory = 2048; disks.root.size = 20480; networks.lan = { }; config = { services.nginx.enable = true; }; };
      fileSystems."/" = { device = "/dev/disk/by-label/root"; fsType = "ext4"; };
      fileSystems."/boot" = { device = "/dev/disk/by-label/boot"; fsType = "vfat"; };
    };
  };
in
{
  missing = filter (path: found.${path} == null) listed;
  moved = filter (path: found.${path} != null && (upstream.${path}.from or "nixpkgs") == "nixpkgs" && !(contains (files found.${path}) upstream.${path}.file)) listed;
  systems = builtins.mapAttrs (_: module: (evaluate [ ../modules module ]).config.system.build.toplevel.drvPath) cases;
}
