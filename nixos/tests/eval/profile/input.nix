# A dom0 with more than the least.
{
  module = { pkgs, ... }: {
    xennix.profile = {
      minimal = true;
      keepDocs = true;

      ssh = false;
      firmware = false;
      timeSync = false;
      collectGarbage = false;
      extraPackages = [ (pkgs.example "htop") ];
    };
  };
}
