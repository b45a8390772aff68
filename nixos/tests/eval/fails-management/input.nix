# An address without a way out.
{ module.xennix = { enable = true; network.management.dhcp = true; }; }
