namespace Sgl.Router;

/// <summary>Reads what the answer must be. What a schema may say is up to <see cref="ResponseFormatRules"/>.</summary>
internal static class ResponseFormatReader
{
    /// <summary><c>response_format</c> of a chat.</summary>
    public static Wire.ResponseFormat? ReadChat(BodyObject body) => body.Object("response_format") is { } format ? Read(format, "json_schema") : null;

    /// <summary><c>text.format</c> of a response.</summary>
    public static Wire.ResponseFormat? ReadResponse(BodyObject body) => body.Object("text")?.Object("format") is { } format ? Read(format, holder: null) : null;

    /// <param name="format">The type, and with <c>json_schema</c> the schema.</param>
    /// <param name="holder">The member that holds name and schema; null: the format itself does.</param>
    private static Wire.ResponseFormat? Read(BodyObject format, string? holder)
    {
        switch (format.OneOf("type", "text", ("text", "text"), ("json_object", "json_object"), ("json_schema", "json_schema")))
        {
            case "json_object":
                return new Wire.ResponseFormat { JsonObject = true };
            case "json_schema" when holder is null:
                return ReadSchema(format);
            case "json_schema" when format.Object(holder) is { } inner:
                return ReadSchema(inner);
            case "json_schema" when !format.Has(holder, out _):
                format.Violations.Add(format.At(holder), "is required: an object with a schema");
                return null;
            default:
                return null;
        }
    }

    private static Wire.ResponseFormat? ReadSchema(BodyObject holder)
    {
        // Told back in /v1/responses; strict or not, it is enforced.
        _ = holder.Text("name");
        _ = holder.Flag("strict");
        if (holder.Object("schema") is { } schema)
        {
            return new Wire.ResponseFormat { JsonSchema = schema.Element.GetRawText() };
        }

        if (!holder.Has("schema", out _))
        {
            holder.Violations.Add(holder.At("schema"), "is required: a JSON Schema");
        }

        return null;
    }
}
