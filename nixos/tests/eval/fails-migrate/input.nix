# A hand-over to nobody.
{ module.xennix.migrate.enable = true; }
