# A root that forgets without anything that keeps.
{ module.xennix.impermanence = { enable = true; preset = "btrfs"; }; }
