# Nothing but the switch.
{ module.xennix.enable = true; }
