# A member of a pool, on UEFI, as `infect generate` writes it.
{
  module = {
    imports = map (name: ../../../../infect/tests/golden/pool3-8.2/host2 + "/${name}.nix") [ "hardware" "disks" "network" "storage" "pool" ];
    xennix.enable = true;
    xennix.migrate.enable = true;
  };
}
