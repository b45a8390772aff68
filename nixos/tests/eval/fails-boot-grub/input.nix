# GRUB without the file system to look for; more memory for dom0 than there is.
{ module.xennix = { enable = true; boot.loader = "grub-foreign"; host.memory = 2048; hypervisor.dom0.memory = 4096; }; }
