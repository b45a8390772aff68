# The pure half: functions of data, with nothing but the builtins. `import ./. ` works without nixpkgs.
let
  prelude = import ./prelude.nix;
  uuid = import ./uuid.nix;
  network = import ./network.nix { inherit prelude uuid; };
  storage = import ./storage.nix { inherit prelude uuid; };
  domains = import ./domains.nix { inherit prelude uuid; };
in
{
  inherit prelude uuid network storage domains;
  manifest = import ./manifest.nix { inherit network storage domains; };
  layouts = import ./layouts.nix { inherit prelude; };
  toml = import ./toml.nix { inherit prelude; };
  render = import ./render.nix { inherit prelude; };
  unit = import ./unit.nix { inherit prelude; };
  tools = import ./tools.nix;
  upstream = import ./upstream-options.nix;
  # Checks as NixOS assertions; the id lets tests and people find the one that failed.
  assertions = map (one: { inherit (one) assertion; message = "xennix (${one.id}): ${one.message}"; });
}
