using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// Checks what can be checked without a model: structure of images and chat, ranges of sampling and image limits. What needs a tokenizer or an image decoder
/// is checked by the model services, whose violations are passed on under the same field names.
/// </summary>
internal static class RequestRules
{
    private const int MaxMessages = 1024;
    private const int MaxStopStrings = 16;
    private const int MaxStopLength = 256;
    private const int MostTiles = 64;

    /// <summary>Checks a request.</summary>
    /// <param name="request">From the wire.</param>
    /// <param name="models">Limits of the models, where they are known.</param>
    /// <param name="violations">Gets what is wrong.</param>
    public static void Check(Wire.AnswerRequest request, ModelPair models, List<FieldViolation> violations)
    {
        Images(request, models, violations);
        Messages(request, violations);
        Sampling(request.Sampling, models, violations);
        Limits(request.ImageLimits, violations);
    }

    private static void Images(Wire.AnswerRequest request, ModelPair models, List<FieldViolation> violations)
    {
        var mostImages = Least(models, m => m.MaxImageCount);
        if (request.Images.Count > mostImages)
        {
            violations.Add(new("images", $"at most {mostImages} images are accepted, found {request.Images.Count}"));
        }

        var mostBytes = Least(models, m => m.MaxImageBytes);
        for (var i = 0; i < request.Images.Count; i++)
        {
            var length = request.Images[i].Data.Length;
            if (length == 0)
            {
                violations.Add(new($"images[{i}].data", "is empty; send the bytes of an image file"));
            }
            else if (length > mostBytes)
            {
                violations.Add(new($"images[{i}].data", $"has {length} bytes, at most {mostBytes} are accepted"));
            }
        }
    }

    private static void Messages(Wire.AnswerRequest request, List<FieldViolation> violations)
    {
        var messages = request.Messages;
        if (messages.Count is 0 or > MaxMessages)
        {
            violations.Add(new("messages", messages.Count == 0 ? "is empty; the last one is the user's question" : $"at most {MaxMessages} are accepted, found {messages.Count}"));
            return;
        }

        var placed = new HashSet<int>();
        for (var i = 0; i < messages.Count; i++)
        {
            Role(messages[i].Role, i, violations);
            if (messages[i].Parts.Count == 0)
            {
                violations.Add(new($"messages[{i}].parts", "is empty"));
            }

            for (var p = 0; p < messages[i].Parts.Count; p++)
            {
                Part(messages[i].Parts[p], $"messages[{i}].parts[{p}]", request.Images.Count, placed, violations);
            }
        }

        var last = messages[^1];
        if (last.Role is Wire.ChatRole.System or Wire.ChatRole.Assistant)
        {
            violations.Add(new($"messages[{messages.Count - 1}].role", "the last message must be the user's"));
        }
        else if (last.Role == Wire.ChatRole.User && last.Parts.Count > 0 && last.Parts.All(p => string.IsNullOrWhiteSpace(p.Text)))
        {
            violations.Add(new($"messages[{messages.Count - 1}].parts", "the question is empty; the last message needs text"));
        }
    }

    private static void Role(Wire.ChatRole role, int index, List<FieldViolation> violations)
    {
        if (role == Wire.ChatRole.Unspecified || !Enum.IsDefined(role))
        {
            violations.Add(new($"messages[{index}].role", "must be CHAT_ROLE_SYSTEM, CHAT_ROLE_USER or CHAT_ROLE_ASSISTANT"));
        }
        else if (role == Wire.ChatRole.System && index > 0)
        {
            violations.Add(new($"messages[{index}].role", "a system message stands first"));
        }
    }

    private static void Part(Wire.ChatPart part, string field, int images, HashSet<int> placed, List<FieldViolation> violations)
    {
        switch (part.ContentCase)
        {
            case Wire.ChatPart.ContentOneofCase.None:
                violations.Add(new(field, "needs text or image_index"));
                break;
            case Wire.ChatPart.ContentOneofCase.ImageIndex when part.ImageIndex < 0 || part.ImageIndex >= images:
                violations.Add(new($"{field}.image_index", images == 0 ? $"is {part.ImageIndex}, but there are no images" : $"must be between 0 and {images - 1}, was {part.ImageIndex}"));
                break;
            case Wire.ChatPart.ContentOneofCase.ImageIndex when !placed.Add(part.ImageIndex):
                violations.Add(new($"{field}.image_index", $"image {part.ImageIndex} is placed twice"));
                break;
        }
    }

    private static void Sampling(Wire.Sampling? sampling, ModelPair models, List<FieldViolation> violations)
    {
        if (sampling is null)
        {
            return;
        }

        var most = Least(models, m => m.MaxNewTokens);
        if (sampling.HasMaxNewTokens && (sampling.MaxNewTokens < 1 || sampling.MaxNewTokens > most))
        {
            violations.Add(new("sampling.max_new_tokens", most == long.MaxValue ? $"must be at least 1, was {sampling.MaxNewTokens}" : $"must be between 1 and {most}, was {sampling.MaxNewTokens}"));
        }

        if (sampling.HasMinNewTokens && (sampling.MinNewTokens < 0 || (sampling.HasMaxNewTokens && sampling.MinNewTokens > sampling.MaxNewTokens)))
        {
            violations.Add(new("sampling.min_new_tokens", $"must be between 0 and max_new_tokens, was {sampling.MinNewTokens}"));
        }

        if (!(sampling.Temperature >= 0 && sampling.Temperature <= 10))
        {
            violations.Add(new("sampling.temperature", FormattableString.Invariant($"must be between 0 and 10, was {sampling.Temperature}")));
        }

        if (sampling.HasTopP && !(sampling.TopP > 0 && sampling.TopP <= 1))
        {
            violations.Add(new("sampling.top_p", FormattableString.Invariant($"must be above 0 and at most 1, was {sampling.TopP}")));
        }

        if (sampling.TopK < 0)
        {
            violations.Add(new("sampling.top_k", $"must be 0 (off) or above, was {sampling.TopK}"));
        }

        if (sampling.Stop.Count > MaxStopStrings)
        {
            violations.Add(new("sampling.stop", $"at most {MaxStopStrings} strings are accepted, found {sampling.Stop.Count}"));
        }

        for (var i = 0; i < Math.Min(sampling.Stop.Count, MaxStopStrings); i++)
        {
            if (sampling.Stop[i].Length is 0 or > MaxStopLength)
            {
                violations.Add(new($"sampling.stop[{i}]", $"must have 1 to {MaxStopLength} characters, has {sampling.Stop[i].Length}"));
            }
        }
    }

    private static void Limits(Wire.ImageLimits? limits, List<FieldViolation> violations)
    {
        if (limits is null)
        {
            return;
        }

        Range(limits.HasMinTileCount, limits.MinTileCount, 1, MostTiles, "min_tile_count");
        Range(limits.HasMaxTileCount, limits.MaxTileCount, limits.HasMinTileCount ? limits.MinTileCount : 1, MostTiles, "max_tile_count");
        Range(limits.HasMinPixels, limits.MinPixels, 1, long.MaxValue, "min_pixels");
        Range(limits.HasMaxPixels, limits.MaxPixels, limits.HasMinPixels ? limits.MinPixels : 1, long.MaxValue, "max_pixels");

        void Range(bool has, long value, long least, long most, string name)
        {
            if (has && (value < least || value > most))
            {
                violations.Add(new($"image_limits.{name}", most == long.MaxValue ? $"must be at least {least}, was {value}" : $"must be between {least} and {most}, was {value}"));
            }
        }
    }

    private static long Least(ModelPair models, Func<Wire.ModelInfo, long> limit)
    {
        var least = long.MaxValue;
        foreach (var info in new[] { models.Small.Info, models.Large.Info })
        {
            // 0 stands for a limit that the service does not tell.
            if (info is not null && limit(info) is > 0 and var value)
            {
                least = Math.Min(least, value);
            }
        }

        return least;
    }
}
