# Imported and not enabled: nothing is set.
{ module.xennix.enable = false; }
