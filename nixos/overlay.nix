# Adds `pkgs.xennix.*` and replaces nothing: `pkgs.xe` is another program.
final: _: {
  xennix = import ./pkgs/xennix.nix { pkgs = final; };
}
