# expects: The option `xennix.domains.web.memory' is used but has no value
{ module = { xennix.enable = true; xennix.domains.web = { boot.kernel = "/k"; }; }; }
