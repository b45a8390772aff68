# A single UEFI host, as `infect generate` writes it.
{
  module = {
    imports = map (name: ../../../../infect/tests/golden/single-8.3/host0 + "/${name}.nix") [ "hardware" "disks" "network" "storage" "pool" ];
    xennix.enable = true;
    xennix.migrate.enable = true;
  };
}
