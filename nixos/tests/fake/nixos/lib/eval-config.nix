# Where those without flakes get a system from.
(import ../../outputs.nix).evalConfig
