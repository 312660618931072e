using Sgl.Grammar;

namespace Sgl.Requests;

/// <summary>Checks and reads what an answer must be.</summary>
public static class ResponseFormatRules
{
    /// <summary>Notes what is wrong, and reads.</summary>
    /// <param name="format">Null: any text.</param>
    /// <param name="field">Path of the message, e.g. <c>input.response_format</c>.</param>
    /// <param name="violations">Gets what is wrong; a schema's under the path of the message and that within the schema.</param>
    /// <returns>What the answer must be; null: any text, or something was wrong.</returns>
    public static JsonGrammar? Read(Wire.ResponseFormat? format, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        switch (format?.KindCase)
        {
            case null:
                return null;
            case Wire.ResponseFormat.KindOneofCase.JsonSchema:
                return OfSchema(format.JsonSchema, $"{field}.json_schema", violations);
            case Wire.ResponseFormat.KindOneofCase.JsonObject when format.JsonObject:
                return JsonGrammar.AnyObject;
            case Wire.ResponseFormat.KindOneofCase.JsonObject:
                violations.Add($"{field}.json_object", "must be true where it is set; leave response_format out for any text");
                return null;
            default:
                violations.Add(field, "one of json_schema and json_object is required");
                return null;
        }
    }

    private static JsonGrammar? OfSchema(string schema, string field, ViolationList violations)
    {
        try
        {
            return JsonGrammar.OfSchema(schema);
        }
        catch (GrammarException e)
        {
            violations.Add(e.Path is "" or ['[', ..] ? field + e.Path : $"{field}.{e.Path}", e.Message);
            return null;
        }
    }
}
