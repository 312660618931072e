using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using OpenAI.Chat;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge;

/// <summary>A question in the client library's terms.</summary>
internal static class ChatRequest
{
    public static ChatMessage Message(EngineTurn turn) => turn.Role switch
    {
        Wire.ChatRole.System => new SystemChatMessage(turn.Parts.Select(Part)),
        Wire.ChatRole.Assistant => new AssistantChatMessage(turn.Parts.Count > 0 ? turn.Parts.Select(Part) : [ChatMessageContentPart.CreateTextPart("")]),
        _ => new UserChatMessage(turn.Parts.Select(Part)),
    };

    /// <summary>Fields that a request leaves out are left out here too, so that an engine's own defaults hold; greedy decoding is said.</summary>
    public static ChatCompletionOptions Options(EngineQuestion question, BridgeOptions bridge)
    {
        var sampling = question.Sampling ?? new Wire.Sampling();
        var options = new ChatCompletionOptions { Temperature = sampling.Temperature, TopP = sampling.HasTopP ? sampling.TopP : null };
        if (question.LogProbabilities)
        {
            options.IncludeLogProbabilities = true;
        }

        foreach (var stop in sampling.Stop)
        {
            options.StopSequences.Add(stop);
        }

        if (sampling.HasSeed)
        {
            // Engines read a signed number.
            options.Seed = (long)(sampling.Seed & long.MaxValue);
        }

        if (bridge.TokenLimit == TokenLimitField.MaxCompletionTokens)
        {
            options.MaxOutputTokenCount = question.MaxNewTokens;
        }
        else
        {
            options.Patch.Set("$.max_tokens"u8, question.MaxNewTokens);
        }

        if (sampling.TopK > 0)
        {
            options.Patch.Set("$.top_k"u8, sampling.TopK);
        }

        if (sampling.HasMinNewTokens && sampling.MinNewTokens > 1)
        {
            options.Patch.Set("$.min_tokens"u8, sampling.MinNewTokens);
        }

        options.ResponseFormat = question.ResponseFormat?.KindCase switch
        {
            null => null,
            // Engines that enforce schemas on request alone are requested to.
            Wire.ResponseFormat.KindOneofCase.JsonSchema =>
                ChatResponseFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(question.ResponseFormat.JsonSchema), jsonSchemaIsStrict: true),
            _ => ChatResponseFormat.CreateJsonObjectFormat(),
        };

        foreach (var (path, json) in question.Fields)
        {
            options.Patch.Set(Encoding.UTF8.GetBytes(path), BinaryData.FromString(json));
        }
        return options;
    }

    private static ChatMessageContentPart Part(EnginePart part) => part switch
    {
        EnginePart.Picture picture => Picture(picture),
        EnginePart.Text text => ChatMessageContentPart.CreateTextPart(text.Value),
        _ => throw new ArgumentOutOfRangeException(nameof(part), part, "has no counterpart in the API"),
    };

    private static ChatMessageContentPart Picture(EnginePart.Picture picture)
    {
        // A bare null would become a level by way of a string, and throw.
        var part = ChatMessageContentPart.CreateImagePart(
            BinaryData.FromBytes(picture.Data), picture.MediaType, picture.Hints.Detail is { } detail ? new ChatImageDetailLevel(detail) : default(ChatImageDetailLevel?));
        if (picture.Hints.MaxTiles is { } tiles)
        {
            // The whole object: a member alone would take its place.
            part.Patch.Set("$.image_url"u8, ImageUrl(picture, tiles));
        }

        return part;
    }

    private static BinaryData ImageUrl(EnginePart.Picture picture, int tiles)
    {
        var json = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        writer.WriteString("url"u8, $"data:{picture.MediaType};base64,{Convert.ToBase64String(picture.Data.Span)}");
        if (picture.Hints.Detail is { } detail)
        {
            writer.WriteString("detail"u8, detail);
        }

        writer.WriteNumber("max_dynamic_patch"u8, tiles);
        writer.WriteEndObject();
        writer.Flush();
        return BinaryData.FromBytes(json.WrittenMemory);
    }
}
