{
  networking.hostName = "xcp-ng-1";
  xennix.host.uuid = "b9e6a9d0-7a0e-4c61-9f6e-2a3a3a1f0c55";
}
