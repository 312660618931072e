using System.Text.Json;
using Grpc.Core;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// Turns the body of a chat-completions request into the router's own request; what is wrong with it is told at once, in the names of the HTTP API. Members that
/// are <c>null</c> are like absent ones, unknown members are ignored (but see <see cref="UnsupportedFields"/> and <see cref="ChatPolicyReader"/>).
/// </summary>
internal sealed class ChatRequestReader
{
    private readonly ViolationList _violations = new();
    private readonly ChatFieldNames _names = new();
    private readonly Wire.AnswerRequest _request = new();
    private readonly ModelPair _models;

    private readonly RouterPolicies _policies;

    private ChatRequestReader(ModelPair models, RouterPolicies policies) => (_models, _policies) = (models, policies);

    /// <summary>Reads a body.</summary>
    /// <param name="root">The body.</param>
    /// <param name="models">Their names may be asked for as <c>model</c>, and their limits clamp wishes.</param>
    /// <param name="policies">They may be asked for as <c>model</c>.</param>
    /// <param name="mostAnswers">Most answers that may be asked for.</param>
    /// <exception cref="InvalidRequestException">With all violations.</exception>
    /// <exception cref="RpcException">The model is not served, or may be and cannot be asked.</exception>
    public static ChatRequest Read(JsonElement root, ModelPair models, RouterPolicies policies, int mostAnswers)
    {
        var reader = new ChatRequestReader(models, policies);
        var body = new BodyObject(root, "", reader._violations);
        return reader.Read(
            body, () => new ChatMessageReader(reader._request, reader._names, models.Least(m => m.MaxImageCount)).Read(body),
            BodyTerms.Chat(mostAnswers));
    }

    /// <summary>Reads a body of <c>/v1/responses</c>.</summary>
    /// <param name="root">The body.</param>
    /// <param name="models">As for a chat.</param>
    /// <param name="policies">As for a chat.</param>
    /// <exception cref="InvalidRequestException">With all violations.</exception>
    /// <exception cref="RpcException">The model is not served, or may be and cannot be asked.</exception>
    public static ResponseRequest ReadResponse(JsonElement root, ModelPair models, RouterPolicies policies)
    {
        var reader = new ChatRequestReader(models, policies);
        var body = new BodyObject(root, "", reader._violations);
        string? instructions = null;
        var metadata = ResponseMetadata.Read(body);
        var chat = reader.Read(
            body, () => instructions = new ResponseInputReader(reader._request, reader._names, models.Least(m => m.MaxImageCount)).Read(body),
            BodyTerms.Response);
        return new ResponseRequest(chat, instructions, body.Has("max_output_tokens", out _) ? reader._request.Sampling.MaxNewTokens : null, metadata, body.Object("text")?.Object("format")?.Text("name"));
    }

    private ChatRequest Read(BodyObject body, Action readTurns, BodyTerms terms)
    {
        var name = body.Text("model");
        var (route, policy) = Route(name);
        readTurns();
        ReadSampling(body, terms.MaxTokens);
        var logprobs = ReadLogprobs(body, terms);
        (_request.ResponseFormat, _names.Format) = (terms.Format(body), terms.FormatFields);
        var own = body.Object("sgl");
        var includes = ChatPolicyReader.Read(own, route, policy, _request);
        terms.Refuse(body);
        var request = new ChatRequest(_request, _names)
        {
            Model = string.IsNullOrEmpty(name) ? ChatModels.Router : name,
            Stream = body.Flag("stream"),
            Count = terms.Count(body),
            Logprobs = logprobs,
            IncludeUsage = body.Object("stream_options")?.Flag("include_usage") ?? false,
            SmallIsFinal = _policies.Route(_request.Policy) == Wire.Route.Small,
            Provisional = own?.Flag("provisional") ?? false,
            Includes = includes,
        };
        CheckRanges();
        return request;
    }

    /// <summary>What the contract says about numbers is told together with what the body says wrong; the rest of its rules needs a whole request.</summary>
    private void CheckRanges()
    {
        foreach (var found in ViolationList.Of(violations =>
        {
            SamplingRules.Check(_request.Sampling, _models.Least(m => m.MaxNewTokens), "sampling", violations);
            ImageLimitRules.Check(_request.ImageLimits, "image_limits", violations);
        }))
        {
            _violations.Add(_names.Of(found.Field), found.Description);
        }

        _violations.ThrowIfAny();
    }

    private void ReadSampling(BodyObject body, string[] maxTokens)
    {
        // More tokens than a model gives is a wish that many clients have by default.
        var sampling = new Wire.Sampling { ClampMaxNewTokens = true };
        _names.MaxTokens = maxTokens.FirstOrDefault(n => body.Has(n, out _)) ?? maxTokens[^1];
        var most = Math.Min(_models.Least(m => m.MaxNewTokens) ?? int.MaxValue, int.MaxValue);
        if (body.Whole(_names.MaxTokens, 1, decimal.MaxValue) is { } max)
        {
            sampling.MaxNewTokens = (int)Math.Min(max, most);
        }

        if (body.Whole("min_tokens", 0, int.MaxValue) is { } min)
        {
            sampling.MinNewTokens = (int)min;
        }

        if (body.Number("top_p") is { } topP)
        {
            // 0 is written for "the best one only".
            sampling.TopP = topP >= 0 && (float)topP == 0 ? float.Epsilon : (float)topP;
        }

        if (body.Whole("top_k", -1, int.MaxValue) is { } topK)
        {
            sampling.TopK = (int)Math.Max(0, topK); // -1 is off elsewhere
        }

        if (body.Whole("seed", long.MinValue, ulong.MaxValue) is { } seed)
        {
            sampling.Seed = seed < 0 ? unchecked((ulong)(long)seed) : (ulong)seed;
        }

        sampling.Temperature = (float)(body.Number("temperature") ?? 0);
        sampling.Stop.AddRange(Stops(body));
        _request.Sampling = sampling;
    }

    private bool ReadLogprobs(BodyObject body, BodyTerms terms)
    {
        var wanted = terms.Logprobs(body);
        _request.Sampling.TopLogProbabilities = (int)(body.Whole("top_logprobs", 0, SamplingRules.MaxTopLogProbabilities) ?? 0);
        if (!wanted && _request.Sampling.TopLogProbabilities > 0)
        {
            _violations.Add(terms.LogprobsField, "must ask for logprobs where top_logprobs is above 0");
        }

        return wanted;
    }

    private List<string> Stops(BodyObject body)
    {
        const string name = "stop";
        var stops = new List<string?>();
        if (!body.Has(name, out var stop))
        {
            return [];
        }

        if (stop.ValueKind == JsonValueKind.String)
        {
            stops.Add(body.Text(name));
        }
        else if (stop.ValueKind == JsonValueKind.Array && stop.EnumerateArray().All(s => s.ValueKind == JsonValueKind.String))
        {
            stops.AddRange(stop.EnumerateArray().Select(s => body.Text(s, name)));
        }
        else
        {
            _violations.Add(name, "must be a string or a list of strings");
        }

        return [.. stops.Where(s => !string.IsNullOrEmpty(s)).Select(s => s!)];
    }

    /// <summary>The router itself by its own name or by none, one of its policies or of its models by theirs.</summary>
    private (Wire.Route Route, string? Policy) Route(string? model)
    {
        switch (model)
        {
            case null or "" or ChatModels.Router:
                return (Wire.Route.Unspecified, null);
            case var _ when model.StartsWith(ChatModels.PolicyPrefix, StringComparison.Ordinal) && _policies.Find(model[ChatModels.PolicyPrefix.Length..]) is { } policy:
                return (Wire.Route.Unspecified, policy.Name);
            case var _ when model == _models.Small.Info?.Name:
                return (Wire.Route.Small, null);
            case var _ when model == _models.Large.Info?.Name:
                return (Wire.Route.Large, null);
        }

        throw ChatModels.NotFound(model, _models, _policies).ToRpcException();
    }
}
