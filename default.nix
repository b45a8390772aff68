# What the flake offers, for those without flakes: `nix-build -A packages.xapi`, `imports = [ (import xennix { }).nixosModules.default ]`.
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
in
{
  inherit (outputs) nixosModules lib templates;
  overlay = outputs.overlays.default;
  packages = outputs.packages.${pkgs.stdenv.hostPlatform.system};
  checks = outputs.checks.${pkgs.stdenv.hostPlatform.system};
}
