{
  description = "XenNix: the Xen toolstack of XCP-ng as a drop-in, and a dom0 declared in NixOS";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    disko.url = "github:nix-community/disko";
    disko.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs = { self, nixpkgs, disko, ... }: import ./nixos/outputs.nix { inherit self nixpkgs disko; };
}
