# What stands in for nixpkgs where outputs of the flake are looked at: as an input of it, and for default.nix. Its
# packages have names and nothing in them, its systems are evaluated by our module shim.
let
  shim = import ../shim.nix;
  stubs = import ../stubs.nix;
  system = "x86_64-linux";
  fake = name: derivation { inherit name system; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; };
  names = [ "pam" "cmake" "perl" "nix" "xen-guest-agent" "xe-guest-utilities" "erofs-utils" ]
    ++ builtins.concatMap builtins.attrNames (builtins.attrValues (removeAttrs (import ../../lib/tools.nix) [ "elsewhere" ]));
  packages = builtins.listToAttrs (map (name: { inherit name; value = fake name; }) names) // {
    path = ./.;
    lib = removeAttrs lib [ "nixosSystem" ];
    stdenv.hostPlatform = { inherit system; };
    extend = overlay: let final = packages // overlay final packages; in final;
    rustPlatform.buildRustPackage = recipe:
      let
        of = output: derivation
          {
            name = "${recipe.pname}-${recipe.version}";
            inherit system;
            builder = "/bin/sh";
            args = [ "-c" "echo > $out" ];
            flags = toString recipe.cargoBuildFlags;
          } // { outputName = output; };
      in
      of "out" // builtins.listToAttrs (map (name: { inherit name; value = of name; }) recipe.outputs);
    runCommand = name: _: _: fake name;
    nixpkgs-fmt = fake "nixpkgs-fmt";
    closureInfo = _: fake "closure-info";
    writeText = name: _: fake name;
    writeShellScript = name: _: fake name;
  };
  lib = shim // {
    cleanSourceWith = { src, ... }: src;
    removePrefix = _: text: text;
    concatMap = builtins.concatMap;
    concatMapStringsSep = separator: f: list: builtins.concatStringsSep separator (map f list);
    licenses = { mit = "MIT"; asl20 = "Apache-2.0"; };
    nixosSystem = { modules, specialArgs ? { }, ... }: shim.evalModules {
      specialArgs = { pkgs = packages.extend (import ../../overlay.nix); } // specialArgs;
      modules = [ (stubs { lib = shim; from = [ "disko" ]; }) users ] ++ modules;
    };
  };
  # What users set themselves.
  users = {
    options = {
      services.nginx.enable = shim.mkOption { type = shim.types.bool; default = false; };
      system.stateVersion = shim.mkOption { type = shim.types.str; };
      boot.loader.grub.device = shim.mkOption { type = shim.types.str; };
    };
    config = {
      systemd.package = fake "systemd";
      system.build.toplevel = fake "system";
      virtualisation.xen = { package = shim.mkOverride 1400 (fake "xen"); qemu.package = shim.mkOverride 1400 (fake "qemu-xen"); };
    };
  };
in
{
  inherit lib;
  # Not a flake's attribute: what `nixos/lib/eval-config.nix` is to those without flakes.
  evalConfig = lib.nixosSystem;
  legacyPackages.${system} = packages;
  nixosModules.disko = { };
}
