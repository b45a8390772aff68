# Limine starts no entry once.
{ module.xennix = { enable = true; boot.loader = "limine"; boot.confirm.enable = true; }; }
