# A unit file of systemd as data. Pure. Knows what our own units consist of: sections, comments, `Key=Value`, no lines
# that go on in the next.
{ prelude }:
let
  inherit (builtins) concatLists elemAt filter foldl' head isString map match split;
  lines = text: filter isString (split "\n" text);
  words = text: filter (word: isString word && word != "") (split "[ \t]+" text);
  add = state: line:
    let
      section = match "\\[([A-Za-z]+)]" line;
      setting = match "([A-Za-z]+)=(.*)" line;
    in
    if line == "" || prelude.hasPrefix "#" line then state
    else if section != null then state // { at = head section; }
    else if setting != null then state // { found = state.found ++ [{ section = state.at; key = head setting; value = elemAt setting 1; }]; }
    else throw "not a line of a unit: ${line}";
  read = text: (foldl' add { at = ""; found = [ ]; } (lines text)).found;
in
{
  # Settings of a section, { Key = "text"; }. A key that stands twice has no place here.
  settings = section: text: foldl'
    (all: one: if all ? ${one.key} then throw "${one.key} stands twice in [${section}]" else all // { ${one.key} = one.value; })
    { }
    (filter (one: one.section == section) (read text));
  # Words of a key that may stand several times, such as After=.
  list = section: key: text: concatLists (map (one: words one.value) (filter (one: one.section == section && one.key == key) (read text)));
}
