# Identity and services of the host. Everything secret is in the hand-off directory, none of it here.
# The host coordinates its pool.
{
  networking.hostName = "xcp-a";
  xennix.host = {
    uuid = "b7e8f835-8a68-5b16-8d83-53627bb225df";
    nameLabel = "xcp-a";
    nameDescription = "Default install";
  };
  xennix.pool = { nameLabel = "production"; nameDescription = "three hosts"; };
  networking.timeServers = [ "0.pool.ntp.example" "1.pool.ntp.example" ];
  services.openiscsi = { enable = true; name = "iqn.2025-01.net.example:xcp-a"; };
  services.openssh.enable = true;
  users.users.root.hashedPasswordFile = "/var/lib/xennix-handoff/root-password";
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAISYNTHETICKEYSYNTHETICKEYSYNTHETICKEYSYNTH admin@example.net"
  ];
}
