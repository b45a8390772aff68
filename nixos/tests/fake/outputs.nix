# Copied to the store by itself when it is an input of a flake, so it takes what it needs beside it.
let
  shim = import ./shim.nix;
  stubs = import ./stubs.nix;
  system = "x86_64-linux";
  fake = name: derivation { inherit name system; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; };
  packages = {
    inherit lib;
    path = ./.;
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
    pam = fake "pam";
    cmake = fake "cmake";
    perl = fake "perl";
    nix = fake "nix";
    xen-guest-agent = fake "xen-guest-agent";
    xe-guest-utilities = fake "xe-guest-utilities";
    erofs-utils = fake "erofs-utils";
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
      specialArgs = { pkgs = packages.extend (import ./overlay.nix); } // specialArgs;
      modules = [ (stubs { lib = shim; from = [ "disko" ]; }) users ] ++ modules;
    };
  };
  # What users set themselves.
  users = {
    options = {
      users.users = shim.mkOption { type = shim.types.attrsOf shim.types.anything; default = { }; };
      system.stateVersion = shim.mkOption { type = shim.types.str; };
      boot.loader.grub.device = shim.mkOption { type = shim.types.str; };
    };
    config.systemd.package = fake "systemd";
  };
in
{
  inherit lib;
  legacyPackages.${system} = packages;
  nixosModules.disko = { };
}
