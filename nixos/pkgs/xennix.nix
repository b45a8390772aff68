# The programs of this workspace, built once from its own Cargo.lock, each in an output of its own.
{ pkgs }:
let
  inherit (pkgs) lib;
  root = ../..;
  # Program -> the crate it comes from and the output it goes to. The disk server lies beside the daemon, which starts it.
  programs = {
    xapi = { crate = "xapi-server"; binary = "xapi"; at = "xapi-server"; output = "out"; };
    disk = { crate = "xennix-disk"; binary = "xennix-disk"; at = "xapi-server/disk"; output = "out"; };
    xe = { crate = "xe-cli"; binary = "xe"; at = "xe-cli"; };
    boot = { crate = "xennix-boot"; binary = "xennix-boot"; at = "nixos/boot"; };
    reconcile = { crate = "xennix-manifest"; binary = "xennix-reconcile"; at = "nixos/reconcile"; };
    infect = { crate = "infect"; binary = "infect"; at = "infect"; };
  };
  there = builtins.filter (name: builtins.pathExists (root + "/${programs.${name}.at}/Cargo.toml")) (builtins.attrNames programs);
  others = builtins.filter (name: !(programs.${name} ? output)) there;
  manifest = builtins.fromTOML (builtins.readFile (root + "/Cargo.toml"));
  # Rust and what its programs embed; not the documents, the Nix code or what git ignores.
  source = lib.cleanSourceWith {
    src = root;
    filter = path: _type:
      let top = builtins.head (builtins.match "/?([^/]*).*" (lib.removePrefix (toString root) (toString path)));
      in !(builtins.elem top [ "target" ".git" ".ci" "docs" "flake.nix" "flake.lock" "default.nix" "README.md" ]);
  };
  workspace = pkgs.rustPlatform.buildRustPackage {
    pname = "xennix";
    inherit (manifest.workspace.package) version;
    src = source;
    cargoLock.lockFile = root + "/Cargo.lock";
    cargoBuildFlags = lib.concatMap (name: [ "--package" programs.${name}.crate ]) there;
    buildFeatures = [ "xapi-server/pam" ];
    buildInputs = [ pkgs.pam ];
    nativeBuildInputs = [ pkgs.cmake pkgs.perl ];
    # cmake is for a crate, not for us.
    dontUseCmakeConfigure = true;
    # The gate runs them; they fetch clients from the network.
    doCheck = false;
    outputs = [ "out" ] ++ others;
    postInstall = ''
      # Tools of the tests and benches stay behind.
      find "$out/bin" -type f ${lib.concatMapStringsSep " " (name: "! -name ${programs.${name}.binary}") there} -delete
    '' + lib.concatMapStringsSep "\n" (name: ''moveToOutput bin/${programs.${name}.binary} "''$${name}"'') others
    + "\n" + ''
      for page in packaging/man/*.[1-8]; do
        install -D -m 644 "$page" "$out/share/man/man''${page##*.}/''${page##*/}"
      done
      # A rule finds LVM by its whole path here.
      for rules in packaging/udev/*.rules; do
        install -D -m 644 "$rules" "$out/lib/udev/rules.d/''${rules##*/}"
      done
      substituteInPlace "$out/lib/udev/rules.d/68-xennix-groups.rules" \
        --replace-fail "/usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin lvm" "${pkgs.lvm2.bin}/bin/lvm"
    '';
    meta = {
      description = "Xen toolstack, drop-in for XAPI";
      license = [ lib.licenses.mit lib.licenses.asl20 ];
      platforms = [ "x86_64-linux" ];
      mainProgram = "xapi";
    };
  };
in
builtins.listToAttrs (map (name: { inherit name; value = workspace.${name}; }) others) // { xapi = workspace.out; inherit workspace; }
