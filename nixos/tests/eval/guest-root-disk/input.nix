# A guest from an image whose root is kept.
{
  guest = true;
  module.xennix.guest = { enable = true; agent = "none"; store = "image"; rootDevice = "/dev/xvdb"; };
}
