using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Sgl.Guidance;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>Turns a chat-completions request into the router's own; all that is wrong with it is told at once, in the names of the HTTP API.</summary>
internal sealed class ChatRequestReader
{
    private readonly List<FieldViolation> _violations = [];
    private readonly List<string> _imageFields = [];
    private readonly Wire.AnswerRequest _request = new();

    private ChatRequestReader()
    {
    }

    /// <summary>Where each image of the request stands in the body.</summary>
    public IReadOnlyList<string> ImageFields => _imageFields;

    /// <summary>The router's request.</summary>
    public Wire.AnswerRequest Request => _request;

    /// <summary>Reads a body.</summary>
    /// <param name="chat">The body.</param>
    /// <param name="models">Their names may be asked for as <c>model</c>.</param>
    /// <exception cref="RequestFaultException">With all violations.</exception>
    public static ChatRequestReader Read(ChatRequest chat, ModelPair models)
    {
        var reader = new ChatRequestReader();
        reader.ReadMessages(chat.Messages ?? []);
        reader.ReadSampling(chat);
        reader.ReadPolicy(chat, models);
        reader.Refuse(chat);
        return reader._violations.Count == 0 ? reader : throw new RequestFaultException(reader._violations);
    }

    /// <summary>The name in the HTTP API of what the contract calls <paramref name="field"/>.</summary>
    public string HttpField(string field)
    {
        const string images = "images[", sampling = "sampling.", policy = "policy.";
        if (field.StartsWith(images, StringComparison.Ordinal)
            && int.TryParse(field.AsSpan(images.Length, field.IndexOf(']', StringComparison.Ordinal) - images.Length), out var index)
            && index < _imageFields.Count)
        {
            return _imageFields[index];
        }

        return field switch
        {
            "sampling.max_new_tokens" => "max_tokens",
            "policy.large_timeout" => "sgl.large_timeout_ms",
            _ when field.StartsWith(sampling, StringComparison.Ordinal) => field[sampling.Length..],
            _ when field.StartsWith(policy, StringComparison.Ordinal) => "sgl." + field[policy.Length..],
            _ => field.Replace(".parts", ".content", StringComparison.Ordinal),
        };
    }

    private void ReadMessages(IReadOnlyList<ChatTurn?> turns)
    {
        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i] is not { } turn)
            {
                _violations.Add(new($"messages[{i}]", "is null; send an object with role and content"));
                continue;
            }

            var message = new Wire.ChatMessage
            {
                Role = turn.Role switch
                {
                    "system" or "developer" => Wire.ChatRole.System,
                    "user" => Wire.ChatRole.User,
                    "assistant" => Wire.ChatRole.Assistant,
                    _ => Wire.ChatRole.Unspecified,
                },
            };
            if (message.Role == Wire.ChatRole.Unspecified)
            {
                _violations.Add(new($"messages[{i}].role", $"'{turn.Role}' is not supported; use system, developer, user or assistant"));
            }

            ReadContent(turn.Content, $"messages[{i}].content", message);
            _request.Messages.Add(message);
        }

        if (turns.Count == 0)
        {
            _violations.Add(new("messages", "is empty; the last one is the user's question"));
        }
    }

    private void ReadContent(JsonElement? content, string field, Wire.ChatMessage message)
    {
        switch (content?.ValueKind)
        {
            case JsonValueKind.String:
                message.Parts.Add(new Wire.ChatPart { Text = Text(content.Value, field) });
                break;
            case JsonValueKind.Array:
                var p = 0;
                foreach (var part in content.Value.EnumerateArray())
                {
                    ReadPart(Part(part), $"{field}[{p++}]", message);
                }

                break;
            default:
                _violations.Add(new(field, "must be a string or a list of parts"));
                break;
        }
    }

    /// <summary>JSON may hold text that no string can: bytes that are not UTF-8, half a surrogate pair.</summary>
    private string Text(JsonElement text, string field)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException)
        {
            _violations.Add(new(field, "holds text that is not valid Unicode"));
            return "";
        }
    }

    private static ChatContentPart? Part(JsonElement part)
    {
        try
        {
            return part.Deserialize<ChatContentPart>(ChatJson.Options);
        }
        catch (JsonException)
        {
            return null; // told like any other part that is not understood
        }
    }

    private void ReadPart(ChatContentPart? part, string field, Wire.ChatMessage message)
    {
        switch (part)
        {
            case { Type: "text", Text: { } text }:
                message.Parts.Add(new Wire.ChatPart { Text = text });
                break;
            case { Type: "image_url", ImageUrl.Url: { } url }:
                ReadImage(url, $"{field}.image_url", message);
                break;
            default:
                _violations.Add(new(field, "must be {\"type\":\"text\",\"text\":...} or {\"type\":\"image_url\",\"image_url\":{\"url\":\"data:...\"}}"));
                break;
        }
    }

    private void ReadImage(string url, string field, Wire.ChatMessage message)
    {
        // The router fetches nothing: a server that opens addresses from requests can be made to open its owner's.
        const string marker = ";base64,";
        var comma = url.IndexOf(marker, StringComparison.OrdinalIgnoreCase);
        if (!url.StartsWith("data:", StringComparison.OrdinalIgnoreCase) || comma < 0)
        {
            _violations.Add(new($"{field}.url", "must be a data: URL with base64 content, e.g. data:image/png;base64,...; images are not fetched from elsewhere"));
            return;
        }

        var text = url.AsSpan(comma + marker.Length);
        var bytes = new byte[((text.Length / 4) + 1) * 3];
        if (!Convert.TryFromBase64Chars(text, bytes, out var length))
        {
            _violations.Add(new($"{field}.url", "holds text that is not base64"));
            return;
        }

        message.Parts.Add(new Wire.ChatPart { ImageIndex = _request.Images.Count });
        _request.Images.Add(new Wire.Image { Data = UnsafeByteOperations.UnsafeWrap(bytes.AsMemory(0, length)), Name = field });
        _imageFields.Add($"{field}.url");
    }

    private void ReadSampling(ChatRequest chat)
    {
        var sampling = new Wire.Sampling();
        if ((chat.MaxCompletionTokens ?? chat.MaxTokens) is { } max)
        {
            sampling.MaxNewTokens = max;
        }

        if (chat.TopP is { } topP)
        {
            sampling.TopP = topP;
        }

        if (chat.Seed is { } seed)
        {
            sampling.Seed = seed;
        }

        sampling.Temperature = chat.Temperature ?? 0;
        sampling.TopK = chat.TopK ?? 0;
        sampling.Stop.AddRange(Stops(chat.Stop));
        _request.Sampling = sampling;
    }

    private IEnumerable<string> Stops(JsonElement? stop)
    {
        switch (stop?.ValueKind)
        {
            case null or JsonValueKind.Null:
                return [];
            case JsonValueKind.String:
                return [Text(stop.Value, "stop")];
            case JsonValueKind.Array when stop.Value.EnumerateArray().All(s => s.ValueKind == JsonValueKind.String):
                return stop.Value.EnumerateArray().Select(s => Text(s, "stop"));
            default:
                _violations.Add(new("stop", "must be a string or a list of strings"));
                return [];
        }
    }

    private void ReadPolicy(ChatRequest chat, ModelPair models)
    {
        var (policy, sgl) = (new Wire.RoutingPolicy(), chat.Sgl ?? new ChatSgl());
        if (sgl.Threshold is { } threshold)
        {
            policy.Threshold = threshold;
        }

        policy.Criterion = OneOf(sgl.Criterion, "sgl.criterion", Wire.ExitCriterion.Unspecified,
            System.Enum.GetValues<ExitCriterion>().ToDictionary(WireGuidance.Name, WireGuidance.From));
        policy.Prune.AddRange((sgl.Prune ?? []).Select(Point));
        policy.Unpruned = sgl.Unpruned;
        policy.Force = OneOf(sgl.Force, "sgl.force", Model(chat.Model, models), new() { ["small"] = Wire.Route.Small, ["large"] = Wire.Route.Large });
        policy.OnLargeFailure = OneOf(sgl.OnLargeFailure, "sgl.on_large_failure", Wire.LargeFailurePolicy.Unspecified, new()
        {
            ["degrade"] = Wire.LargeFailurePolicy.Degrade,
            ["fail"] = Wire.LargeFailurePolicy.Fail,
        });
        if (sgl.LargeTimeoutMs is { } ms)
        {
            policy.LargeTimeout = new Duration { Seconds = ms / 1000, Nanos = (int)(ms % 1000) * 1_000_000 };
        }

        _request.Policy = policy;
        _request.OmitImportance = !sgl.IncludeImportance;
    }

    /// <summary>The router itself by its own name or by none, one of its models by theirs.</summary>
    private Wire.Route Model(string? model, ModelPair models)
    {
        if (model is null or "" or ChatModels.Router)
        {
            return Wire.Route.Unspecified;
        }

        if (model == models.Small.Info?.Name)
        {
            return Wire.Route.Small;
        }

        if (model == models.Large.Info?.Name)
        {
            return Wire.Route.Large;
        }

        _violations.Add(new("model", $"'{model}' is not served; use one of {string.Join(", ", ChatModels.Names(models))}"));
        return Wire.Route.Unspecified;
    }

    private static Wire.PrunePoint Point(ChatPrunePoint? from)
    {
        var point = new Wire.PrunePoint();
        if (from?.Layer is { } layer)
        {
            point.Layer = layer;
        }
        else if (from?.LayerFraction is { } fraction)
        {
            point.LayerFraction = fraction;
        }

        if (from?.KeepRatio is { } ratio)
        {
            point.KeepRatio = ratio;
        }

        return point;
    }

    private T OneOf<T>(string? value, string field, T absent, Dictionary<string, T> known)
    {
        if (value is null)
        {
            return absent;
        }

        if (known.TryGetValue(value, out var found))
        {
            return found;
        }

        _violations.Add(new(field, $"'{value}' is not known; use one of {string.Join(", ", known.Keys)}"));
        return absent;
    }

    private void Refuse(ChatRequest chat)
    {
        Unless(chat.N is null or 1, "n", "only 1 is supported");
        Unless(IsAbsent(chat.Tools), "tools", "is not supported");
        Unless(IsAbsent(chat.Functions), "functions", "is not supported");
        Unless(chat.ResponseFormat?.Type is null or "text", "response_format", "only text is supported");
        Unless(chat.Logprobs?.ValueKind is null or JsonValueKind.Null or JsonValueKind.False, "logprobs", "is not supported");
        Unless(chat.FrequencyPenalty is null or 0, "frequency_penalty", "only 0 is supported");
        Unless(chat.PresencePenalty is null or 0, "presence_penalty", "only 0 is supported");
        Unless(IsAbsent(chat.LogitBias), "logit_bias", "is not supported");

        void Unless(bool fine, string field, string description)
        {
            if (!fine)
            {
                _violations.Add(new(field, description));
            }
        }

        static bool IsAbsent(JsonElement? e) => e?.ValueKind switch
        {
            null or JsonValueKind.Null => true,
            JsonValueKind.Array => e.Value.GetArrayLength() == 0,
            JsonValueKind.Object => !e.Value.EnumerateObject().Any(),
            _ => false,
        };
    }
}
