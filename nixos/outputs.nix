# What the flake and default.nix offer. `nixpkgs` and `disko` are flakes, or sets of their shape.
{ self, nixpkgs, disko ? null }:
let
  system = "x86_64-linux";
  pkgs = nixpkgs.legacyPackages.${system}.extend overlay;
  overlay = import ./overlay.nix;
  pure = import ./lib;
  withPackages = module: { imports = [ module ]; nixpkgs.overlays = [ overlay ]; };
  modules = {
    default = withPackages ./modules;
    xapi = withPackages ./modules;
    guest = ./modules/domu-guest.nix;
    orchestra = withPackages ./modules;
  };
  mkSystem = nixpkgs.lib.nixosSystem or (args: import (nixpkgs.outPath + "/nixos/lib/eval-config.nix") args);

  golden = (import ./tests/all.nix { inherit (nixpkgs) lib; }).golden;
  expected = name: builtins.fromJSON (builtins.readFile (./tests/eval + "/${name}/expected.json"));
  different = builtins.filter (name: builtins.fromJSON (builtins.toJSON golden.${name}) != expected name) (builtins.attrNames golden);
in
{
  nixosModules = modules;

  overlays.default = overlay;

  lib = {
    inherit pure;
    inherit (pure) network storage domains layouts manifest render uuid;
    # A dom0: this flake's modules and disko's, everything else is the caller's. All it sets can be overridden.
    mkDom0 = { modules ? [ ], specialArgs ? { }, ... }@args: mkSystem ((removeAttrs args [ "modules" "specialArgs" ]) // {
      inherit specialArgs;
      system = args.system or system;
      modules = [ self.nixosModules.default or (withPackages ./modules) { xennix.enable = nixpkgs.lib.mkDefault true; } ]
        ++ (if disko == null then [ ] else [ disko.nixosModules.disko ])
        ++ modules;
    });
    # A guest that keeps its own system.
    mkDomU = { modules ? [ ], specialArgs ? { }, ... }@args: mkSystem ((removeAttrs args [ "modules" "specialArgs" ]) // {
      inherit specialArgs;
      system = args.system or system;
      modules = [ ./modules/domu-guest.nix { xennix.guest.enable = nixpkgs.lib.mkDefault true; } ] ++ modules;
    });
  };

  packages.${system} = {
    default = pkgs.xennix.xapi;
  } // removeAttrs pkgs.xennix [ "workspace" ];

  apps.${system} = builtins.mapAttrs
    (name: package: { type = "app"; program = "${package}/bin/${name}"; meta.description = "The program ${name} of XenNix"; })
    { inherit (pkgs.xennix) xapi xe; }
  // (if pkgs.xennix ? infect then {
    infect = { type = "app"; program = "${pkgs.xennix.infect}/bin/infect"; meta.description = "Turn an XCP-ng host into this"; };
  } else { });

  templates = rec {
    dom0 = { path = ./templates/dom0; description = "A dom0 in twenty lines"; };
    infected = { path = ./templates/infected; description = "A host converted from XCP-ng"; };
    domu = { path = ./templates/domu; description = "A guest that keeps its own system"; };
    default = dom0;
  };

  checks.${system} = {
    # Level 1 through the real module system: what the modules give is what the committed files say.
    golden =
      if different == [ ] then pkgs.runCommand "xennix-golden" { } "touch $out"
      else throw "not what the committed files say: ${builtins.concatStringsSep ", " different}";
  };

  formatter.${system} = pkgs.nixpkgs-fmt;
}
