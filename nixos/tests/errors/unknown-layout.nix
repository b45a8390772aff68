# expects: A definition for option `xennix.disks.layout' is not of type
{ module = { xennix.disks.layout = "raid"; }; }
