# Short ways to declare options, so that none comes without type, default and words.
lib:
let inherit (lib) mkOption types;
in
{
  flag = default: description: mkOption { type = types.bool; inherit default description; example = !default; };
  value = type: default: example: description: mkOption { inherit type default example description; };
  choice = choices: default: description: mkOption { type = types.enum choices; inherit default description; example = builtins.elemAt choices (builtins.length choices - 1); };
  required = type: example: description: mkOption { inherit type example description; };
  # The default depends on other settings; `text` says how.
  derived = type: default: text: example: description:
    mkOption { inherit type default example description; defaultText = lib.literalExpression text; };
  # Patterns of texts that are checked when the configuration is evaluated.
  kinds = {
    mac = types.strMatching "[0-9a-f]{2}(:[0-9a-f]{2}){5}";
    uuid = types.strMatching "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    absolute = types.strMatching "/.*";
    name = types.strMatching "[A-Za-z0-9._-]+";
  };
}
