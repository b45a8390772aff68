# A guest that runs from the image its host made, on a root in memory.
{
  guest = true;
  module.xennix.guest = {
    enable = true;
    agent = "rust";
    store = "image";
    storeDevice = "/dev/xvda";
    cache = { url = "http://192.0.2.10:5000"; publicKeys = [ "dom0-1:AAAA" ]; };
  };
}
