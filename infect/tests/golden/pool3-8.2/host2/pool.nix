# Identity and services of the host. Everything secret is in the hand-off directory, none of it here.
# The host is a member of the pool coordinated at 192.0.2.21.
{
  networking.hostName = "xcp-c";
  xennix.host = {
    uuid = "5e922f0f-5d4a-5e7c-a811-9f4837bc8536";
    nameLabel = "xcp-c";
    nameDescription = "Default install";
  };
  xennix.pool = { nameLabel = "production"; nameDescription = "three hosts"; };
  networking.timeServers = [ "0.pool.ntp.example" "1.pool.ntp.example" ];
  services.openiscsi = { enable = true; name = "iqn.2025-01.net.example:xcp-c"; };
  services.openssh.enable = true;
  users.users.root.hashedPasswordFile = "/var/lib/xennix-handoff/root-password";
  users.users.root.openssh.authorizedKeys.keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAISYNTHETICKEYSYNTHETICKEYSYNTHETICKEYSYNTH admin@example.net"
  ];
}
