# A guest with disks of its own.
{
  guest = true;
  module.xennix.guest = { enable = true; agent = "go"; console = false; };
}
