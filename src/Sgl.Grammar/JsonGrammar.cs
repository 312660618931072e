using System.Text;
using System.Text.Json;
using Sgl.Grammar.Internal;

namespace Sgl.Grammar;

/// <summary>
/// What an answer may be: JSON that satisfies a schema, or any JSON object. Of what a schema allows it is the texts without white space but for one space at most behind each comma
/// and colon, with the properties of objects in the order in which the schema has them, then those that it does not name; numbers have at most
/// <see cref="GrammarLimits.MaxDigits"/> digits on each side of the point. Immutable; grammars of equal texts are equal.
/// </summary>
/// <remarks>
/// Where a schema describes properties and does not say <c>additionalProperties</c>, there are no others; where it says no type, values have the type that its keywords speak of.
/// Both allow less than JSON Schema does, and never more. Names that a schema does not name may come twice.
/// </remarks>
public sealed class JsonGrammar : IEquatable<JsonGrammar>
{
    private readonly string _schema;

    private JsonGrammar(string schema, Node start) => (_schema, Start) = (schema, start);

    /// <summary>Any JSON object that nests at most <see cref="GrammarLimits.MaxDepth"/> deep.</summary>
    public static JsonGrammar AnyObject { get; } = new("", SchemaCompiler.AnyObject());

    internal Node Start { get; }

    /// <summary>Makes a grammar of a JSON schema.</summary>
    /// <param name="schema">The schema as JSON, at most <see cref="GrammarLimits.MaxSchemaBytes"/> bytes in UTF-8.</param>
    /// <exception cref="GrammarException">It is no schema, it cannot be enforced, or nothing satisfies it.</exception>
    public static JsonGrammar OfSchema(string schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        var bytes = Encoding.UTF8.GetByteCount(schema);
        if (bytes > GrammarLimits.MaxSchemaBytes)
        {
            throw new GrammarException("", $"has {bytes} bytes, at most {GrammarLimits.MaxSchemaBytes} are accepted");
        }

        try
        {
            using var document = JsonDocument.Parse(schema, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return new JsonGrammar(schema, SchemaCompiler.Compile(document.RootElement));
        }
        catch (JsonException e)
        {
            throw new GrammarException("", $"is not JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            // Half of an escaped surrogate pair is JSON.
            throw new GrammarException("", "holds text that is not valid Unicode");
        }
    }

    /// <inheritdoc/>
    public bool Equals(JsonGrammar? other) => other is not null && _schema == other._schema;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as JsonGrammar);

    /// <inheritdoc/>
    public override int GetHashCode() => _schema.GetHashCode(StringComparison.Ordinal);
}
