# expects: The option `xennix.networks' does not exist
{ module = { xennix.networks = { }; }; }
