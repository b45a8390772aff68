# expects: The option `xennix.boot.resolved' is read-only
{ module = { xennix.enable = true; xennix.boot.resolved = "grub"; }; }
