using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sgl.Grammar.Internal;

/// <summary>Makes a grammar of a JSON schema: each schema is a rule, made once however often it is referred to.</summary>
internal sealed class SchemaCompiler
{
    private static readonly JsonSerializerOptions AsIs = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly NodeBuilder _build = new();
    private readonly TextShapes _texts;
    private readonly NumberShapes _numbers;
    private readonly ContainerShapes _containers;
    private readonly JsonElement _root;
    private readonly Dictionary<string, Node> _rules = [];
    private readonly Queue<(JsonElement Schema, string Path, Node Rule)> _open = [];
    private Node? _any;

    private SchemaCompiler(JsonElement root)
    {
        _root = root;
        _texts = new TextShapes(_build);
        _numbers = new NumberShapes(_build);
        _containers = new ContainerShapes(_build, _texts);
    }

    /// <summary>The grammar of what a schema allows.</summary>
    /// <exception cref="GrammarException">It cannot be enforced, or nothing satisfies it.</exception>
    public static Node Compile(JsonElement schema)
    {
        var compiler = new SchemaCompiler(schema);
        return compiler.Begin(compiler.Rule(schema, ""));
    }

    /// <summary>The grammar of JSON objects.</summary>
    public static Node AnyObject()
    {
        var compiler = new SchemaCompiler(default);
        return compiler.Begin(compiler._containers.Object([], compiler.Any(), compiler._build.End));
    }

    private Node Begin(Node rule)
    {
        while (_open.TryDequeue(out var open))
        {
            open.Rule.Targets = [Value(open.Schema, open.Path)];
        }

        // Tokenizers that write words with a space in front do so with the first one too.
        var start = _build.OptionalSpace(rule);
        _build.SetHeights();
        return start.Height <= GrammarLimits.MaxDepth ? start : throw new GrammarException("", $"no value satisfies it, or none that nests at most {GrammarLimits.MaxDepth} deep");
    }

    private Node Rule(JsonElement schema, string path)
    {
        if (!_rules.TryGetValue(path, out var rule))
        {
            rule = _build.Jump();
            _rules.Add(path, rule);
            _open.Enqueue((schema, path, rule));
        }

        return rule;
    }

    private Node Value(JsonElement schema, string path)
    {
        switch (schema.ValueKind)
        {
            case JsonValueKind.True:
                return Any();
            case JsonValueKind.False:
                return _build.Jump();
            case not JsonValueKind.Object:
                throw new GrammarException(path, "must be a schema: an object, true or false");
        }

        var keywords = new SchemaKeywords(schema, path);
        return keywords.Form switch
        {
            null => OfTypes(keywords),
            "$ref" => Reference(keywords),
            "enum" or "const" => Values(keywords),
            var form => _build.Jump([.. keywords.List(form, form == "allOf" ? 1 : GrammarLimits.MaxAlternatives).Select((s, i) => Rule(s, SchemaPath.Element(keywords.At(form), i)))]),
        };
    }

    private Node Reference(SchemaKeywords keywords)
    {
        var reference = keywords["$ref"];
        return reference.ValueKind == JsonValueKind.String && SchemaPath.TryFollow(_root, reference.GetString()!, out var path, out var schema)
            ? Rule(schema, path)
            : throw keywords.Wrong("$ref", "leads nowhere in this schema; write e.g. \"#/$defs/name\"");
    }

    private Node Values(SchemaKeywords keywords)
    {
        var values = keywords.Form == "enum" ? keywords.List("enum", GrammarLimits.MaxValues) : [keywords["const"]];
        var types = keywords.Has("type", out _) ? keywords.AllowedTypes() : null;
        byte[][] texts =
        [
            .. values.Where(v => types is null || types.Any(t => IsOf(v, t)))
                .Select(v => JsonSerializer.Serialize(v, AsIs)).Distinct().Select(Encoding.UTF8.GetBytes),
        ];
        return texts.Length == 0 ? _build.Jump() : _build.Literals(texts, _build.End);
    }

    private static bool IsOf(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && number == decimal.Truncate(number),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        _ => value.ValueKind == JsonValueKind.Null,
    };

    private Node OfTypes(SchemaKeywords keywords) =>
        keywords.AllowedTypes() is not { } types ? Any() : _build.Jump([.. types.Select(type => type switch
        {
            "object" => Object(keywords),
            "array" => List(keywords),
            "string" => Text(keywords),
            "number" => _numbers.Real(OfReals(keywords, "minimum"), OfReals(keywords, "maximum"), _build.End),
            "integer" => Whole(keywords),
            "boolean" => _build.Literals(["true"u8.ToArray(), "false"u8.ToArray()], _build.End),
            _ => _build.Literal("null"u8, _build.End),
        })]);

    private Node Object(SchemaKeywords keywords)
    {
        var required = Required(keywords);
        var properties = new List<PropertyShape>();
        Node? others = null;
        var isOpen = !keywords.Has("properties", out var declared);
        if (keywords.Has("additionalProperties", out var additional))
        {
            others = additional.ValueKind == JsonValueKind.False ? null : Rule(additional, keywords.At("additionalProperties"));
        }
        else if (isOpen)
        {
            others = Any();
        }

        if (!isOpen)
        {
            var path = keywords.At("properties");
            foreach (var property in declared.ValueKind == JsonValueKind.Object ? declared.EnumerateObject() : throw keywords.Wrong("properties", "must be an object"))
            {
                properties.Add(Property(property.Name, Rule(property.Value, SchemaPath.Member(path, property.Name)), required.Remove(property.Name)));
            }
        }

        // What is required and not described is one of the others.
        var undescribed = others ?? (keywords.Has("additionalProperties", out _) ? _build.Jump() : Any());
        properties.AddRange(required.Select(name => Property(name, undescribed, isRequired: true)));
        return properties.Count <= GrammarLimits.MaxProperties
            ? _containers.Object(properties, others, _build.End)
            : throw keywords.Wrong("properties", $"at most {GrammarLimits.MaxProperties} are enforced, found {properties.Count}");
    }

    private static PropertyShape Property(string name, Node rule, bool isRequired) =>
        new(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(name, AsIs)), Encoding.UTF8.GetBytes(name), rule, isRequired);

    /// <summary>Names in their order, each once.</summary>
    private static List<string> Required(SchemaKeywords keywords)
    {
        if (!keywords.Has("required", out var required))
        {
            return [];
        }

        return required.ValueKind == JsonValueKind.Array && required.EnumerateArray().All(n => n.ValueKind == JsonValueKind.String)
            ? [.. required.EnumerateArray().Select(n => n.GetString()!).Distinct()]
            : throw keywords.Wrong("required", "must be a list of names");
    }

    private Node List(SchemaKeywords keywords)
    {
        var item = keywords.Has("items", out var items) ? Rule(items, keywords.At("items")) : Any();
        var (least, most) = (keywords.Count("minItems", GrammarLimits.MaxItems) ?? 0, keywords.Count("maxItems", GrammarLimits.MaxItems));
        return least > most ? _build.Jump() : _containers.List(item, least, most, _build.End);
    }

    private Node Text(SchemaKeywords keywords)
    {
        var (least, most) = (keywords.Count("minLength", GrammarLimits.MaxLength) ?? 0, keywords.Count("maxLength", GrammarLimits.MaxLength));
        return least > most ? _build.Jump() : _texts.Text(least, most, _build.End);
    }

    private Node Whole(SchemaKeywords keywords) => _numbers.Whole(
        Larger(keywords.Bound("minimum"), keywords.Bound("exclusiveMinimum") + 1), -Larger(-keywords.Bound("maximum"), 1 - keywords.Bound("exclusiveMaximum")), _build.End);

    private static long? Larger(long? one, long? other) => one is null || other > one ? other : one;

    private static long? OfReals(SchemaKeywords keywords, string bound)
    {
        var exclusive = bound == "minimum" ? "exclusiveMinimum" : "exclusiveMaximum";
        return keywords.Has(exclusive, out _) ? throw keywords.Wrong(exclusive, $"is enforced for integers only; write {bound}") : keywords.Bound(bound);
    }

    /// <summary>Any value.</summary>
    private Node Any()
    {
        if (_any is null)
        {
            _any = _build.Jump();
            var end = _build.End;
            _any.Targets =
            [
                _containers.Object([], _any, end), _containers.List(_any, 0, null, end), _texts.Text(0, null, end), _numbers.Real(null, null, end),
                _build.Literals(["true"u8.ToArray(), "false"u8.ToArray(), "null"u8.ToArray()], end),
            ];
        }

        return _any;
    }
}
