# Every part can be left out by its own switch.
{
  module = {
    xennix.enable = true;
    services.xapi.enable = false;
    xennix.hypervisor.enable = false;
    xennix.boot.enable = false;
    xennix.boot.confirm.enable = false;
    xennix.network.enable = false;
    xennix.storage.enable = false;
    xennix.disks.enable = false;
    xennix.profile.minimal = false;
    xennix.reconcile.enable = false;
  };
}
