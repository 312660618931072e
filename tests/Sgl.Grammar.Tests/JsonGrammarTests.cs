using System.Text.Json;
using Sgl.Grammar.Tests.Support;

namespace Sgl.Grammar.Tests;

/// <summary>What grammars accept: nothing that the schema does not, and of what it does all that is written in their form.</summary>
public sealed class JsonGrammarTests
{
    private const string Person =
        """{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"enum":["a","ab"]}}},"required":["name","age"],"additionalProperties":false}""";

    private const string Tree = """{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"left":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["left"]}}}""";

    private static readonly byte[][] ByteTokens = [.. Enumerable.Range(0, 256).Select(b => new[] { (byte)b })];

    [Theory]
    [InlineData("""{"name":"Ada","age":36}""", true)]
    [InlineData("""{"name": "Ada", "age": 36, "tags": ["a", "ab"]}""", true)]
    [InlineData(""" {"name":"Ada","age":0,"tags":[]}""", true)]
    [InlineData("""{"name":"Ada","age":151}""", false)]
    [InlineData("""{"name":"Ada","age":-1}""", false)]
    [InlineData("""{"name":"Ada","age":007}""", false)]
    [InlineData("""{"age":36,"name":"Ada"}""", false)]
    [InlineData("""{"name":"Ada"}""", false)]
    [InlineData("""{"name":"Ada","age":36,"more":1}""", false)]
    [InlineData("""{"name":"Ada","age":36,"tags":["b"]}""", false)]
    [InlineData("""{"name":"Ada","age":36,}""", false)]
    [InlineData("""{"name":  "Ada","age":36}""", false)]
    [InlineData("""{"name":"Ada","age":36""", false)]
    [InlineData("""{"name":"Ada","age":36}}""", false)]
    public void OfSchema_Object_AcceptsItsCanonicalForm(string text, bool accepted) => Assert.Equal(accepted, Walk.Accepts(Person, text));

    [Theory]
    [InlineData("\"\\ud83d\"", false)]
    [InlineData("\"\\u00e9\\uD7ff\\uFFFF\"", true)]
    [InlineData("\"\\x\"", false)]
    [InlineData("\"\n\"", false)]
    [InlineData("\"é漢😀\u007f\"", true)]
    public void OfSchema_Text_WholeCharactersAlone(string text, bool accepted) => Assert.Equal(accepted, Walk.Accepts("""{"type":"string"}""", text));

    [Theory]
    [InlineData(new byte[] { 0xC0, 0x80 })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })]
    [InlineData(new byte[] { 0x80 })]
    [InlineData(new byte[] { 0xE0, 0x80, 0x80 })]
    public void OfSchema_TextThatIsNoUtf8_Refused(byte[] bytes)
    {
        var cursor = new TokenGrammar(JsonGrammar.OfSchema("""{"type":"string"}"""), Vocabularies.Bytes).Begin();
        cursor.Advance('"');
        foreach (var b in bytes)
        {
            if (!cursor.Allows(b))
            {
                return;
            }

            cursor.Advance(b);
        }

        Assert.Fail("accepted");
    }

    [Theory]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"a\"", false)]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"😀\\n\"", true)]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"abcd\"", false)]
    [InlineData("""{"type":"string","minLength":2}""", "\"a\"", false)]
    [InlineData("""{"type":"string","minLength":2}""", "\"abcdefghijk\"", true)]
    [InlineData("""{"type":"string","maxLength":0}""", "\"\"", true)]
    [InlineData("""{"type":"array","minItems":2,"items":{"type":"null"}}""", "[null]", false)]
    [InlineData("""{"type":"array","minItems":2,"items":{"type":"null"}}""", "[null,null, null]", true)]
    [InlineData("""{"type":"array","maxItems":0}""", "[]", true)]
    [InlineData("""{"type":"array","maxItems":0}""", "[1]", false)]
    [InlineData("""{"items":{"type":"null"},"maxItems":2}""", "[null,null,null]", false)]
    [InlineData("""{"type":"integer","minimum":-12,"maximum":105}""", "-12", true)]
    [InlineData("""{"type":"integer","minimum":-12,"maximum":105}""", "-13", false)]
    [InlineData("""{"type":"integer","minimum":-12,"maximum":105}""", "105", true)]
    [InlineData("""{"type":"integer","minimum":-12,"maximum":105}""", "106", false)]
    [InlineData("""{"type":"integer","exclusiveMinimum":0}""", "0", false)]
    [InlineData("""{"type":"integer","exclusiveMinimum":0}""", "1", true)]
    [InlineData("""{"type":"integer","exclusiveMaximum":10}""", "10", false)]
    [InlineData("""{"type":"integer","exclusiveMaximum":10}""", "-99999", true)]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "0.999", true)]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "1.0", true)]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "1.01", false)]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "-0.5", false)]
    [InlineData("""{"type":"number","maximum":-2}""", "-1.5", false)]
    [InlineData("""{"type":"number","maximum":-2}""", "-2.5", true)]
    [InlineData("""{"type":["string","null"]}""", "null", true)]
    [InlineData("""{"type":["string","null"]}""", "1", false)]
    [InlineData("""{"const":{"a": [1, "x"]}}""", """{"a":[1,"x"]}""", true)]
    [InlineData("""{"enum":[1,10,"1"]}""", "10", true)]
    [InlineData("""{"enum":[1,10,"1"]}""", "1", true)]
    [InlineData("""{"enum":[1,10,"1"]}""", "100", false)]
    [InlineData("""{"enum":["a",null,2],"type":["string","integer"]}""", "null", false)]
    [InlineData("""{"allOf":[{"type":"null"}]}""", "null", true)]
    [InlineData("{}", """[{"a":{}},1e5,"x",true]""", true)]
    [InlineData("true", "false", true)]
    [InlineData("""{"type":"object"}""", """{"any":[1]}""", true)]
    [InlineData("""{"type":"object","properties":{"a":{}}}""", """{"b":1}""", false)]
    [InlineData("""{"type":"object","properties":{"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}}""", """{"ab":null,"abc":1,"a":2,"x":3}""", true)]
    [InlineData("""{"type":"object","properties":{"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}}""", """{"a":2,"ab":1}""", false)]
    [InlineData("""{"type":"object","properties":{"é":{"type":"null"}},"additionalProperties":{"type":"integer"}}""", """{"é":1}""", false)]
    [InlineData("""{"type":"object","required":["a"],"additionalProperties":{"type":"null"}}""", """{"a":null,"b":null}""", true)]
    [InlineData("""{"type":"object","required":["a"],"additionalProperties":{"type":"null"}}""", """{"b":null}""", false)]
    [InlineData(Tree, """{"left":{"left":null}}""", true)]
    [InlineData(Tree, """{"left":{}}""", false)]
    public void OfSchema_Keyword_Enforced(string schema, string text, bool accepted) => Assert.Equal(accepted, Walk.Accepts(schema, text));

    [Theory]
    [InlineData("""{"type":"object","properties":{"age":{"type":"integer","multipleOf":2}}}""", "properties.age.multipleOf")]
    [InlineData("""{"oneOf":[{"type":"null"}]}""", "oneOf")]
    [InlineData("""{"properties":{"a b":{"type":"string","pattern":"^x"}}}""", "properties[\"a b\"].pattern")]
    [InlineData("""{"anyOf":[{"type":"null"},{"type":"string","format":"date"}]}""", "anyOf[1].format")]
    [InlineData("""{"items":{"$ref":"#/$defs/x"},"$defs":{"x":{"not":{}}}}""", "$defs.x.not")]
    [InlineData("""{"$ref":"#/$defs/nowhere"}""", "$ref")]
    [InlineData("""{"$ref":"https://example.org/schema"}""", "$ref")]
    [InlineData("""{"type":"object","anyOf":[{"type":"null"}]}""", "type")]
    [InlineData("""{"anyOf":[{"type":"null"}],"type":"object"}""", "type")]
    [InlineData("""{"allOf":[{"type":"null"},{"type":"null"}]}""", "allOf")]
    [InlineData("""{"enum":["a"],"minLength":1}""", "minLength")]
    [InlineData("""{"enum":[]}""", "enum")]
    [InlineData("""{"type":"text"}""", "type")]
    [InlineData("""{"type":"string","minLength":-1}""", "minLength")]
    [InlineData("""{"type":"string","maxLength":5000}""", "maxLength")]
    [InlineData("""{"type":"number","minimum":0.5}""", "minimum")]
    [InlineData("""{"type":"number","exclusiveMinimum":0}""", "exclusiveMinimum")]
    [InlineData("""{"properties":{"a":1}}""", "properties.a")]
    [InlineData("""{"required":"a"}""", "required")]
    [InlineData("""{"uniqueItems":true}""", "uniqueItems")]
    [InlineData("""{"type":"string","minLength":3,"maxLength":2}""", "")]
    [InlineData("""{"type":"object","properties":{"me":{"$ref":"#"}},"required":["me"]}""", "")]
    [InlineData("""{"$ref":"#"}""", "")]
    [InlineData("""{"type":"integer","enum":["a"]}""", "")]
    [InlineData("false", "")]
    [InlineData("""{"enum":["\ud800"]}""", "")]
    [InlineData("""{"type":"string","type":"null"}""", "")]
    [InlineData("{", "")]
    [InlineData("7", "")]
    public void OfSchema_CannotBeEnforced_SaysWhere(string schema, string path)
    {
        var error = Assert.Throws<GrammarException>(() => JsonGrammar.OfSchema(schema));

        Assert.Equal(path, error.Path);
        Assert.NotEmpty(error.Message);
    }

    [Fact]
    public void OfSchema_TooLarge_Refused()
    {
        var long1 = $$"""{"description":"{{new string('x', GrammarLimits.MaxSchemaBytes)}}"}""";
        var manyPlaces = $$"""{"anyOf":[{{string.Join(',', Enumerable.Repeat("""{"type":"string","maxLength":4096}""", 20))}}]}""";
        var manyProperties = $$$"""{"properties":{ {{{string.Join(',', Enumerable.Range(0, GrammarLimits.MaxProperties + 1).Select(i => $"\"p{i}\":true"))}}} }}""";

        Assert.Contains("65536 are accepted", Assert.Throws<GrammarException>(() => JsonGrammar.OfSchema(long1)).Message, StringComparison.Ordinal);
        Assert.Contains("too large", Assert.Throws<GrammarException>(() => JsonGrammar.OfSchema(manyPlaces)).Message, StringComparison.Ordinal);
        Assert.Equal("properties", Assert.Throws<GrammarException>(() => JsonGrammar.OfSchema(manyProperties)).Path);
    }

    [Fact]
    public void OfSchema_HardToRead_NoStackOverflow()
    {
        // A common beginning of many thousand characters; references in a long row.
        var same = new string('x', 25_000);
        Assert.True(Walk.Accepts($$"""{"enum":["{{same}}a","{{same}}b"]}""", $"\"{same}b\""));
        var row = string.Join(',', Enumerable.Range(0, 1500).Select(i => $$"""
            "{{i}}":{"$ref":"#/$defs/{{i + 1}}"}
            """));
        Assert.True(Walk.Accepts($$"""{"$ref":"#/$defs/0","$defs":{ {{row}},"1500":{"type":"null"} } }""", "null"));
    }

    [Fact]
    public void AnyObject_Nested_UpToItsDepth()
    {
        static string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);

        Assert.True(Walk.Accepts(JsonGrammar.AnyObject, """{"a":[1,{"b":null}], "c": "x"}"""));
        Assert.False(Walk.Accepts(JsonGrammar.AnyObject, "[1]"));
        Assert.True(Walk.Accepts(JsonGrammar.AnyObject, Nested(GrammarLimits.MaxDepth)));
        Assert.False(Walk.Accepts(JsonGrammar.AnyObject, Nested(GrammarLimits.MaxDepth + 1)));
    }

    [Fact]
    public void Equals_SameSchema_SameGrammar()
    {
        Assert.Equal(JsonGrammar.OfSchema(Person), JsonGrammar.OfSchema(Person));
        Assert.NotEqual(JsonGrammar.OfSchema(Person), JsonGrammar.OfSchema(Tree));
        Assert.NotEqual(JsonGrammar.OfSchema("{}"), JsonGrammar.AnyObject);
    }

    [Fact]
    public void OfSchema_RandomSchemas_AcceptWhatSatisfiesThem()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new RandomSchema(seed);
            var grammar = JsonGrammar.OfSchema(random.Schema);
            for (var i = 0; i < 5; i++)
            {
                var value = random.Write();
                Assert.True(SchemaCheck.Satisfies(value, random.Schema), $"seed {seed}, the test's own: {value} of {random.Schema}");
                Assert.True(Walk.Accepts(grammar, value), $"seed {seed}: {value} of {random.Schema}");
            }
        }
    }

    [Fact]
    public void OfSchema_RandomWalks_EndInWhatSatisfiesTheSchema()
    {
        for (var seed = 0; seed < 150; seed++)
        {
            var schema = new RandomSchema(seed).Schema;
            var grammar = new TokenGrammar(JsonGrammar.OfSchema(schema), Vocabularies.Bytes);
            for (var i = 0; i < 3; i++)
            {
                var text = Walk.Random(grammar, [.. ByteTokens.Select(b => (ReadOnlyMemory<byte>)b)], new Random((seed * 10) + i), free: 30 * i);
                Assert.True(SchemaCheck.Satisfies(text, schema), $"seed {seed}, walk {i}: {text} of {schema}");
            }
        }
    }

    [Fact]
    public void AnyObject_RandomWalks_EndInObjects()
    {
        var grammar = new TokenGrammar(JsonGrammar.AnyObject, Vocabularies.Bytes);
        for (var seed = 0; seed < 100; seed++)
        {
            var text = Walk.Random(grammar, [.. ByteTokens.Select(b => (ReadOnlyMemory<byte>)b)], new Random(seed), free: 200);
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 128 });
            Assert.Equal(JsonValueKind.Object, document.RootElement.ValueKind);
        }
    }
}
