# A member of a pool, on BIOS, as `infect generate` writes it.
{
  module = {
    imports = map (name: ../../../../infect/tests/golden/pool3-8.2/host1 + "/${name}.nix") [ "hardware" "disks" "network" "storage" "pool" ];
    xennix.enable = true;
    xennix.migrate.enable = true;
  };
}
