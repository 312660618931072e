using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Sgl.Grammar.Tests.Support;

/// <summary>Random schemas, and for each random values that satisfy it, written as the grammar has them.</summary>
internal sealed class RandomSchema
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] Names = ["a", "ab", "abc", "b", "name", "é", "quo\"te", "back\\slash", "", "漢字", "x y", "1"];
    private static readonly string[] Characters = ["a", "\\\"", "\\\\", "\\n", "\\u00e9", "é", "漢", "😀", " ", "}", "]", ",", "/", "\\/", "\u007f"];

    private readonly Random _random;
    private readonly List<(JsonObject Schema, Func<int, string> Write)> _defs = [];

    public RandomSchema(int seed)
    {
        _random = new Random(seed);
        // Referred to before they are known, hence recursive; null lets them end.
        for (var i = 0; i < 2; i++)
        {
            _defs.Add((null!, null!));
        }

        for (var i = 0; i < _defs.Count; i++)
        {
            var (inner, write) = Make(2);
            _defs[i] = (new JsonObject { ["anyOf"] = new JsonArray(new JsonObject { ["type"] = "null" }, inner) }, budget => budget <= 0 || Chance(2) ? "null" : write(budget - 1));
        }

        var (root, writeRoot) = Make(3);
        Write = () => writeRoot(4);
        var schema = new JsonObject { ["title"] = "random", ["anyOf"] = new JsonArray(root) };
        schema["$defs"] = new JsonObject([.. _defs.Select((d, i) => KeyValuePair.Create($"d{i}", (JsonNode?)d.Schema))]);
        Schema = schema.ToJsonString(Plain);
    }

    /// <summary>The schema.</summary>
    public string Schema { get; }

    /// <summary>Writes a value that satisfies it.</summary>
    public Func<string> Write { get; }

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private string Gap() => Chance(2) ? " " : "";

    private (JsonNode Schema, Func<int, string> Write) Make(int depth) => _random.Next(depth > 0 ? 11 : 6) switch
    {
        0 => Text(),
        1 => Whole(),
        2 => Real(),
        3 => Values(),
        4 => (new JsonObject { ["type"] = new JsonArray("boolean", "null") }, _ => Chance(3) ? "null" : Chance(2) ? "true" : "false"),
        5 => Reference(),
        6 => List(depth),
        7 => Alternatives(depth),
        8 => (true, _ => Chance(2) ? "{\"x\":[1, null,\"y\"]}" : "-0.5e3"),
        _ => Object(depth),
    };

    private (JsonNode Schema, Func<int, string> Write) Reference()
    {
        var index = _random.Next(_defs.Count);
        return (new JsonObject { ["$ref"] = $"#/$defs/d{index}" }, budget => budget <= 0 ? "null" : _defs[index].Write(budget - 1));
    }

    private (JsonNode Schema, Func<int, string> Write) Text()
    {
        var schema = new JsonObject { ["type"] = "string" };
        int least = 0, most = 6;
        if (Chance(2))
        {
            schema["minLength"] = least = _random.Next(4);
        }

        if (Chance(2))
        {
            schema["maxLength"] = most = least + _random.Next(4);
        }

        return (schema, _ => $"\"{string.Concat(Enumerable.Range(0, _random.Next(least, Math.Max(most, least) + 1)).Select(_ => Characters[_random.Next(Characters.Length)]))}\"");
    }

    private (JsonNode Schema, Func<int, string> Write) Whole()
    {
        var schema = new JsonObject { ["type"] = "integer" };
        long least = -999_999_999_999_999, most = 999_999_999_999_999;
        if (Chance(2))
        {
            least = Bound();
            schema[Chance(2) ? "minimum" : "exclusiveMinimum"] = least;
            least += schema.ContainsKey("exclusiveMinimum") ? 1 : 0;
        }

        if (Chance(2))
        {
            most = Math.Max(least, Math.Max(-999_999_999, least) + _random.Next(2000));
            schema["maximum"] = most;
        }

        return (schema, _ => _random.NextInt64(least, most + 1).ToString(CultureInfo.InvariantCulture));
    }

    private (JsonNode Schema, Func<int, string> Write) Real()
    {
        if (Chance(2))
        {
            return (new JsonObject { ["type"] = "number" }, _ => new[] { "0", "-0", "1.5", "-12.25e-7", "3E+9", "123456789012345.123456789012345e10" }[_random.Next(6)]);
        }

        var least = Bound();
        var most = least + _random.Next(1, 30);
        return (new JsonObject { ["type"] = "number", ["minimum"] = least, ["maximum"] = most }, _ => Within(least, most));
    }

    private string Within(long least, long most)
    {
        var value = _random.NextInt64(least, most);
        return (Chance(2), value) switch
        {
            (true, >= 0) => $"{value}.{_random.Next(100):00}",
            (true, < 0) => $"-{-value - 1}.{_random.Next(1, 100):00}",
            _ => $"{value}",
        };
    }

    private long Bound() => Chance(3) ? 0 : _random.NextInt64(-5000, 5000);

    private (JsonNode Schema, Func<int, string> Write) Values()
    {
        string[] all = ["\"a\"", "\"ab\"", "\"é\\n\"", "1", "10", "100", "-1.5", "true", "null", "[1,2]", "{\"k\":[]}", "\"\""];
        string[] some = [.. all.Where(_ => Chance(3))];
        some = some.Length == 0 ? [all[0]] : some;
        var schema = Chance(4)
            ? new JsonObject { ["const"] = JsonNode.Parse(some[0]) }
            : new JsonObject { ["enum"] = new JsonArray([.. some.Select(s => JsonNode.Parse(s))]) };
        return (schema, _ => schema.ContainsKey("const") ? some[0] : some[_random.Next(some.Length)]);
    }

    private (JsonNode Schema, Func<int, string> Write) List(int depth)
    {
        var (item, write) = Make(depth - 1);
        var schema = new JsonObject { ["type"] = "array", ["items"] = item };
        int least = 0, most = 3;
        if (Chance(2))
        {
            schema["minItems"] = least = _random.Next(3);
        }

        if (Chance(2))
        {
            schema["maxItems"] = most = least + _random.Next(3);
        }

        return (schema, budget => $"[{Joined(Enumerable.Range(0, _random.Next(least, Math.Max(least, most) + 1)).Select(_ => write(budget - 1)))}]");
    }

    private (JsonNode Schema, Func<int, string> Write) Alternatives(int depth)
    {
        (JsonNode Schema, Func<int, string> Write)[] ways = [Make(depth - 1), Make(depth - 1), Make(0)];
        return (new JsonObject { ["anyOf"] = new JsonArray([.. ways.Select(w => w.Schema)]) }, budget => ways[_random.Next(ways.Length)].Write(budget));
    }

    private (JsonNode Schema, Func<int, string> Write) Object(int depth)
    {
        string[] names = [.. Names.Where(_ => Chance(3))];
        var members = names.Select(n => (Name: n, IsRequired: Chance(2), Made: Make(depth - 1))).ToArray();
        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject([.. members.Select(m => KeyValuePair.Create(m.Name, (JsonNode?)m.Made.Schema))]),
            ["required"] = new JsonArray([.. members.Where(m => m.IsRequired).Select(m => (JsonNode)m.Name)]),
        };
        Func<int, string>? others = null;
        switch (_random.Next(3))
        {
            case 0:
                schema["additionalProperties"] = false;
                break;
            case 1:
                var (other, write) = Make(0);
                (schema["additionalProperties"], others) = (other, write);
                break;
        }

        return (schema, Written);

        string Written(int budget)
        {
            var written = members.Where(m => m.IsRequired || Chance(2)).Select(m => Member(JsonSerializer.Serialize(m.Name, Plain), m.Made.Write(budget - 1))).ToList();
            if (others is not null)
            {
                written.AddRange(new[] { "other", "abcd", "zz" }.Where(_ => Chance(2)).Select(n => Member($"\"{n}\"", others(budget - 1))));
            }

            return $"{{{Joined(written)}}}";
        }
    }

    private string Member(string name, string value) => $"{name}:{Gap()}{value}";

    private string Joined(IEnumerable<string> parts)
    {
        var text = new StringBuilder();
        foreach (var part in parts)
        {
            text.Append(text.Length == 0 ? "" : $",{Gap()}").Append(part);
        }

        return text.ToString();
    }
}
