# Identity and services of the host. Everything secret is in the hand-off directory, none of it here.
# The host coordinates its pool.
{
  networking.hostName = "xcp-one";
  xennix.host = {
    uuid = "96b2c882-6fe8-5ede-993b-d930645d60ca";
    nameLabel = "xcp-one";
    nameDescription = "Default install";
  };
  xennix.pool = { nameLabel = "lab"; nameDescription = "synthetic single host"; };
  time.timeZone = "Europe/Berlin";
  networking.timeServers = [ "0.pool.ntp.example" "1.pool.ntp.example" ];
  console.keyMap = "de";
  services.openiscsi = { enable = true; name = "iqn.2025-01.net.example:xcp-one"; };
  services.openssh.enable = true;
  users.users.root.hashedPasswordFile = "/var/lib/xennix-handoff/root-password";
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAISYNTHETICKEYSYNTHETICKEYSYNTHETICKEYSYNTH admin@example.net"
  ];
}
