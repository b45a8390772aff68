# A cache without an address.
{ module.xennix.cache.enable = true; }
