# A small module system of our own, so that the modules evaluate without nixpkgs: options, types, priorities, errors.
# It knows what nixos/modules use and nothing else; level 2 runs the same tests with the real library.
let
  inherit (builtins) all any attrNames concatLists concatMap concatStringsSep elem filter foldl' functionArgs
    head isAttrs isBool isFloat isFunction isInt isList isPath isString length listToAttrs map match sort substring
    toJSON toString typeOf;
  unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  showLoc = concatStringsSep ".";
  show = value: if isAttrs value || isList value || isFunction value then "a ${typeOf value}" else toJSON value;
  is = kind: value: isAttrs value && (value._type or "") == kind;

  # -- properties: what wraps a value until it is merged
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  plainPriority = 100;

  # A definition of attributes as a list of plain attribute sets, the wrapping moved to their values. Conditions stay
  # unevaluated: they may depend on the configuration that is being made.
  pushDown = value:
    if is "merge" value then concatMap pushDown value.contents
    else if is "if" value then map (builtins.mapAttrs (_: mkIf value.condition)) (pushDown value.content)
    else if is "override" value then map (builtins.mapAttrs (_: mkOverride value.priority)) (pushDown value.content)
    else [ value ];

  # A definition of one value as a list of { value, priority }.
  discharge = value:
    if is "merge" value then concatMap discharge value.contents
    else if is "if" value then (if value.condition then discharge value.content else [ ])
    else if is "override" value then map (one: one // { inherit (value) priority; }) (discharge value.content)
    else [{ inherit value; priority = plainPriority; }];

  settle = defs:
    let
      found = concatMap (def: map (one: one // { inherit (def) file; }) (discharge def.value)) defs;
      best = foldl' (low: one: if one.priority < low then one.priority else low) 9999 found;
    in
    filter (one: one.priority == best) found;

  # -- types: name, description, check of one definition, merge of those that won
  one = loc: defs:
    if all (def: def.value == (head defs).value) defs then (head defs).value
    else throw "The option `${showLoc loc}' has conflicting definitions: ${files defs}";
  files = defs: concatStringsSep ", " (unique (map (def: "in ${def.file}") defs));
  simple = description: check: { _type = "option-type"; inherit description check; merge = one; sub = _: { }; };
  wrapped = parent: extra: parent // extra;
  between = low: high: simple "integer between ${toString low} and ${toString high} (both inclusive)"
    (value: isInt value && value >= low && value <= high);
  checked = type: loc: defs:
    let bad = filter (def: !(type.check def.value)) defs;
    in
    if bad == [ ] then defs
    else
      throw ("A definition for option `${showLoc loc}' is not of type `${type.description}'. "
        + "Definition: ${show (head bad).value}, ${files bad}");

  types = rec {
    bool = simple "boolean" isBool;
    int = simple "signed integer" isInt;
    float = simple "floating point number" isFloat;
    str = simple "string" isString;
    nonEmptyStr = simple "non-empty string" (value: isString value && match "[ \t\n]*" value == null);
    strMatching = pattern: simple "string matching the pattern ${pattern}"
      (value: isString value && match pattern value != null);
    path = simple "absolute path"
      (value: isPath value || (isString value && substring 0 1 value == "/") || (isAttrs value && value ? outPath));
    package = simple "package" (value: isAttrs value && value ? outPath);
    port = wrapped (between 0 65535) { description = "16 bit unsigned integer; between 0 and 65535 (both inclusive)"; };
    ints = {
      inherit between;
      unsigned = simple "unsigned integer, meaning >=0" (value: isInt value && value >= 0);
      positive = simple "positive integer, meaning >0" (value: isInt value && value > 0);
    };
    enum = values: simple "one of ${concatStringsSep ", " (map show values)}" (value: elem value values);
    lines = wrapped str {
      description = "strings concatenated with \"\\n\"";
      merge = _: defs: concatStringsSep "\n" (map (def: def.value) defs);
    };
    raw = wrapped (simple "raw value" (_: true)) {
      merge = loc: defs: if length defs == 1 then (head defs).value else one loc defs;
    };
    functionTo = result: wrapped (simple "function that evaluates to a(n) ${result.description}" isFunction) {
      merge = _loc: defs: (head defs).value;
    };
    anything = wrapped (simple "anything" (_: true)) {
      merge = loc: defs:
        if all (def: isAttrs def.value && !(def.value ? outPath)) defs
        then mergeAttrs anything loc defs
        else if length defs == 1 then (head defs).value
        else one loc defs;
    };
    nullOr = type: wrapped type {
      description = "null or ${type.description}";
      check = value: value == null || type.check value;
      merge = loc: defs:
        if all (def: def.value == null) defs then null
        else if any (def: def.value == null) defs
        then throw "The option `${showLoc loc}' is defined both null and not null: ${files defs}"
        else type.merge loc defs;
    };
    either = left: right: simple "${left.description} or ${right.description}"
      (value: left.check value || right.check value) // {
      merge = loc: defs:
        if all (def: left.check def.value) defs then left.merge loc defs
        else if all (def: right.check def.value) defs then right.merge loc defs
        else one loc defs;
    };
    oneOf = choices: foldl' either (head choices) (builtins.tail choices);
    listOf = type: simple "list of ${type.description}" isList // {
      merge = loc: defs: concatLists (map
        (def: concatMap
          (value:
            let found = settle [{ inherit (def) file; inherit value; }];
            in if found == [ ] then [ ] else [ (type.merge (loc ++ [ "*" ]) (checked type (loc ++ [ "*" ]) found)) ])
          def.value)
        defs);
      sub = prefix: type.sub (prefix ++ [ "*" ]);
    };
    attrsOf = type: simple "attribute set of ${type.description}" isAttrs // {
      merge = mergeAttrs type;
      sub = prefix: type.sub (prefix ++ [ "<name>" ]);
    };
    deferredModule = simple "module" (value: isAttrs value || isFunction value || isPath value) // {
      merge = _: defs: { imports = map (def: def.value) defs; };
    };
    submodule = modules: submoduleWith { modules = if isList modules then modules else [ modules ]; };
    submoduleWith = { modules, specialArgs ? { }, ... }: simple "submodule"
      (value: isAttrs value || isFunction value || isPath value) // {
      merge = loc: defs: (evalModules {
        # Attributes are settings, whatever they are called: a submodule may have an option named `config`.
        modules = modules ++ map (def: { _file = def.file; } // (if isAttrs def.value then { config = def.value; } else { imports = [ def.value ]; })) defs;
        specialArgs = specialArgs // { name = last loc; };
        prefix = loc;
      }).config;
      sub = prefix: (evalModules {
        inherit modules prefix;
        specialArgs = specialArgs // { name = "<name>"; };
      }).options;
    };
  };
  last = values: builtins.elemAt values (length values - 1);
  mergeAttrs = type: loc: defs:
    let
      names = unique (concatMap (def: concatMap attrNames (pushDown def.value)) defs);
      of = name: settle (concatMap
        (def: concatMap (value: if value ? ${name} then [{ inherit (def) file; value = value.${name}; }] else [ ])
          (pushDown def.value))
        defs);
    in
    listToAttrs (concatMap
      (name:
        let found = of name;
        in
        if found == [ ] then [ ]
        else [{ inherit name; value = type.merge (loc ++ [ name ]) (checked type (loc ++ [ name ]) found); }])
      (sort builtins.lessThan names));

  # -- options
  mkOption = attrs: { _type = "option"; } // attrs;
  mkEnableOption = what: mkOption {
    type = types.bool;
    default = false;
    example = true;
    description = "Whether to enable ${what}.";
  };
  literalExpression = text: { _type = "literalExpression"; inherit text; };

  # -- evaluation
  evalModules = { modules, specialArgs ? { }, prefix ? [ ] }:
    let
      arguments = { inherit lib config; options = tree; } // specialArgs;

      collect = file: module:
        let
          known = isPath module || isString module;
          name = if known then toString module else file;
          loaded = if known then import module else module;
          value =
            if isFunction loaded
            then
              loaded
                (arguments // builtins.mapAttrs
                  (argument: optional:
                    arguments.${argument} or (if optional then null else throw "a module wants `${argument}', which is not there: ${name}"))
                  (builtins.removeAttrs (functionArgs loaded) (attrNames arguments)))
            else loaded;
          here = value._file or name;
          structured = value ? options || value ? config || value ? imports;
          stray = attrNames (builtins.removeAttrs value [ "options" "config" "imports" "_file" "key" ]);
        in
        if structured && stray != [ ] && (value ? options || value ? config)
        then throw "The module ${here} mixes `options' or `config' with the settings ${concatStringsSep ", " stray}"
        else
          concatMap (collect here) (value.imports or [ ]) ++ [{
            file = here;
            options = value.options or { };
            config =
              if value ? options || value ? config then value.config or { }
              else builtins.removeAttrs value [ "imports" "_file" "key" ];
          }];
      flat = concatMap (collect "<configuration>") modules;

      level = loc: decls: defs:
        let
          names = unique (concatMap (decl: attrNames decl.options) decls);
          pushed = concatMap (def: map (value: { inherit (def) file; inherit value; }) (pushDown def.value)) defs;
          at = name: concatMap
            (def: if def.value ? ${name} then [{ inherit (def) file; value = def.value.${name}; }] else [ ])
            pushed;
          shape = concatMap
            (def: if isAttrs def.value then [ ] else
            [ "`${showLoc loc}' holds options and can't be ${show def.value} (${def.file})" ])
            pushed;
          strange = concatMap
            (def: concatMap (name: if elem name names then [ ] else [{ inherit name; inherit (def) file; }])
              (if isAttrs def.value then attrNames def.value else [ ]))
            pushed;
          child = name:
            let
              subs = concatMap (decl: if decl.options ? ${name} then [{ inherit (decl) file; options = decl.options.${name}; }] else [ ]) decls;
              found = filter (sub: is "option" sub.options) subs;
            in
            if found == [ ] then level (loc ++ [ name ]) subs (at name)
            else if length subs > 1 then throw "The option `${showLoc (loc ++ [ name ])}' is declared twice: ${files subs}"
            else leaf (loc ++ [ name ]) (head found) (at name);
          children = listToAttrs (map (name: { inherit name; value = child name; }) names);
          errors = shape
            ++ map (one: "The option `${showLoc (loc ++ [ one.name ])}' does not exist. Definition: in ${one.file}") strange
            ++ concatLists (map (name: children.${name}.errors) names);
        in
        {
          inherit errors;
          value = builtins.mapAttrs (_: one: one.value) children;
          tree = builtins.mapAttrs (_: one: one.tree) children;
        };

      leaf = loc: decl: defs:
        let
          option = decl.options;
          type = option.type or types.raw;
          # mkDefault's priority stands between a plain definition and the option's own default.
          offered = if option ? default then [{ file = decl.file; value = mkOverride 1500 option.default; }] else [ ];
          found = settle (defs ++ offered);
          merged =
            if option.readOnly or false && length found > 1 then throw "The option `${showLoc loc}' is read-only: ${files found}"
            else if found == [ ] then throw "The option `${showLoc loc}' is used but has no value. Declared in ${decl.file}"
            else type.merge loc (checked type loc found);
          value = (option.apply or (it: it)) merged;
        in
        {
          # Conditions must not be looked at here: the configuration they ask for is not there yet.
          errors = [ ];
          inherit value;
          tree = option // {
            inherit loc type value;
            declaration = decl.file;
            definedBy = unique (map (def: def.file) defs);
            isDefined = filter (def: def.priority < 1500) found != [ ];
          };
        };

      root = level prefix
        (map (module: { inherit (module) file options; }) flat)
        (map (module: { inherit (module) file; value = module.config; }) flat);
      config = if root.errors == [ ] then root.value else throw (concatStringsSep "\n" root.errors);
      tree = root.tree;
    in
    { inherit config; options = tree; };

  lib = {
    inherit evalModules literalExpression mkEnableOption mkIf mkMerge mkOption mkOverride types;
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
  };
in
lib
