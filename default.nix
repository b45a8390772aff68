# What the flake offers, for those without flakes: `nix-build -A packages.xapi`,
# `imports = [ (import xennix { }).nixosModules.default ]`. `disko` is its flake, or `{ nixosModules.disko = "${disko}/module.nix"; }`.
{ pkgs ? import <nixpkgs> { }, disko ? null }:
let
  outputs = import ./nixos/outputs.nix {
    self = { };
    nixpkgs = {
      inherit (pkgs) lib;
      outPath = pkgs.path;
      legacyPackages.${pkgs.stdenv.hostPlatform.system} = pkgs;
    };
    inherit disko;
  };
  inherit (pkgs.stdenv.hostPlatform) system;
in
{
  inherit (outputs) nixosModules overlays lib templates;
  overlay = outputs.overlays.default;
  packages = outputs.packages.${system};
  apps = outputs.apps.${system};
  checks = outputs.checks.${system};
  formatter = outputs.formatter.${system};
}
