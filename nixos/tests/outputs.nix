# What the flake and default.nix offer, looked at through a nixpkgs that is not there: names, packages, and systems made
# of the templates.
let
  inherit (builtins) attrNames filter map mapAttrs pathExists removeAttrs;
  nixpkgs = import ./fake/outputs.nix;
  disko.nixosModules.disko = { };
  system = "x86_64-linux";
  flake = import ../outputs.nix { self = flake; inherit nixpkgs disko; };
  plain = import ../../default.nix { pkgs = nixpkgs.legacyPackages.${system}; inherit disko; };

  packages = mapAttrs (_: package: { inherit (package) name outputName; builds = package.flags; });
  offers = { nixosModules, overlays, lib, templates, packages', apps, checks, formatter }: {
    nixosModules = attrNames nixosModules;
    overlays = attrNames overlays;
    # An overlay that replaces nothing.
    overlayAdds = attrNames (overlays.default nixpkgs.legacyPackages.${system} { });
    lib = attrNames lib;
    templates = mapAttrs (_: one: { inherit (one) description; there = pathExists (one.path + "/flake.nix"); }) templates;
    packages = packages packages';
    apps = mapAttrs (_: one: one.type) apps;
    checks = mapAttrs (_: one: one.name) checks;
    formatter = formatter.name;
  };

  # Systems of a template, as `nix flake init` would leave it.
  made = template: (import (template.path + "/flake.nix")).outputs { self = { }; xennix = flake; };
  judged = { config, options }: {
    failed = map (one: one.message) (filter (one: !one.assertion) (if options.assertions.isDefined then config.assertions else [ ]));
    inherit (config.networking) hostName;
    declares = if config.xennix ? manifest then mapAttrs (_: map (one: one.name)) { inherit (config.xennix.manifest) networks storage domains; } else { };
  };

  # Each module by itself, with nothing said.
  alone = module: (nixpkgs.lib.nixosSystem {
    modules = [ module { networking.hostName = "alone"; system.stateVersion = "26.05"; } ];
  }).config.networking.hostName == "alone";
in
{
  flake = offers {
    inherit (flake) nixosModules overlays lib templates;
    packages' = flake.packages.${system};
    apps = flake.apps.${system};
    checks = flake.checks.${system};
    formatter = flake.formatter.${system};
  };
  plain = offers {
    inherit (plain) nixosModules overlays lib templates apps checks formatter;
    packages' = plain.packages;
  };
  alone = mapAttrs (_: alone) flake.nixosModules;
  systems = mapAttrs (_: template: mapAttrs (_: judged) (made template).nixosConfigurations) (removeAttrs flake.templates [ "default" ]);
  # The same way in without flakes.
  plainSystem = judged (plain.lib.mkDom0 { modules = [{ networking.hostName = "plain"; system.stateVersion = "26.05"; }]; });
}
