{
  inputs.xennix.url = "github:xennix/xennix";
  outputs = { xennix, ... }: {
    nixosConfigurations.guest = xennix.lib.mkDomU {
      modules = [
        {
          networking.hostName = "guest";
          xennix.guest.cache = { url = "http://192.0.2.10:5000"; publicKeys = [ "dom0-1:AAAA" ]; };
          fileSystems."/" = { device = "/dev/xvda1"; fsType = "ext4"; };
          boot.loader.grub.device = "/dev/xvda";
          system.stateVersion = "26.05";
        }
      ];
    };
  };
}
