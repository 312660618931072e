using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.ModelServing;
using Sgl.Vision;
using Wire = Sgl.V1;

namespace Sgl.EngineBridge.Internal;

/// <summary>A request that was checked, as far as can be told without the engine.</summary>
/// <param name="Messages">Turns, every image placed.</param>
/// <param name="Headers">Of the images.</param>
/// <param name="Layout">The prompt as the client is told.</param>
/// <param name="MaxNewTokens">Most new tokens.</param>
internal sealed record CheckedRequest(IReadOnlyList<Wire.ChatMessage> Messages, IReadOnlyList<ImageHeader> Headers, Wire.PromptLayout Layout, int MaxNewTokens);

/// <summary>Checks requests by the rules that the services with engines of their own have. What an engine would refuse, and how, it says itself.</summary>
internal sealed class BridgeRequests(IOptions<BridgeOptions> bridge, IOptions<RequestLimits> limits, EngineProbe probe)
{
    private readonly ImageReader _images = new(limits.Value);

    /// <summary>Checks a request.</summary>
    /// <param name="input">As it came from the wire.</param>
    /// <param name="violations">What was found wrong already.</param>
    /// <exception cref="InvalidRequestException">The request breaks the contract; all violations at once.</exception>
    public CheckedRequest Check(ChatInput input, ViolationList violations)
    {
        ChatRules.Check(input.Messages, input.Images.Count, $"{input.Field}messages", violations);
        SamplingRules.Check(input.Sampling, bridge.Value.MaxNewTokens, $"{input.Field}sampling", violations);
        ResponseFormatRules.Read(input.ResponseFormat, $"{input.Field}response_format", violations);
        if (input.ImageLimits is not null && !input.ImageLimits.Equals(new Wire.ImageLimits()))
        {
            violations.Add($"{input.Field}image_limits", "means nothing to a model in a foreign engine, which cuts images in its own way; use policy.pictures");
        }

        var headers = _images.ReadHeaders(input.Images, bridge.Value.MaxImages, $"{input.Field}images", violations);
        violations.ThrowIfAny();
        var messages = ImagePlacement.Complete(input.Messages, input.Images.Count);
        return new CheckedRequest(messages, [.. headers.OfType<ImageHeader>()], Layout(input with { Messages = messages }, headers), MostNewTokens(input.Sampling));
    }

    /// <summary>The model as clients see it.</summary>
    public Wire.ModelInfo Model() => new()
    {
        Name = bridge.Value.Model,
        Family = "engine",
        MaxSequenceTokenCount = probe.MaxSequenceTokens,
        MaxImageCount = bridge.Value.MaxImages,
        MaxNewTokens = bridge.Value.MaxNewTokens,
        MaxImagePixels = limits.Value.MaxImagePixels,
        MaxImageBytes = limits.Value.MaxImageBytes,
        Version = WireModel.Version,
    };

    /// <summary>Times of an answer.</summary>
    public static Wire.Timings Timings(TimeSpan preprocess, TimeSpan firstToken, TimeSpan total) => new()
    {
        Preprocess = Duration.FromTimeSpan(preprocess),
        TimeToFirstToken = Duration.FromTimeSpan(firstToken),
        Total = Duration.FromTimeSpan(total),
    };

    /// <summary>Counts of an answer: the engine's own, where it tells them.</summary>
    public static Wire.Usage Usage(EngineUsage? usage, int tokens) => new()
    {
        PromptTokenCount = usage?.PromptTokens ?? 0,
        GeneratedTokenCount = usage?.GeneratedTokens ?? tokens,
        CachedPromptTokenCount = usage?.CachedPromptTokens ?? 0,
    };

    private int MostNewTokens(Wire.Sampling? sampling) =>
        Math.Min(sampling is { HasMaxNewTokens: true } ? sampling.MaxNewTokens : SamplingRules.DefaultMaxNewTokens, bridge.Value.MaxNewTokens);

    // Which visual tokens the engine will make is not known; the pictures, and what was asked about them, are.
    private Wire.PromptLayout Layout(ChatInput input, IReadOnlyList<ImageHeader?> headers)
    {
        var order = ImagePlacement.Order(input.Messages);
        var digest = InputDigests.Of(input, "", order);
        var layout = new Wire.PromptLayout { Digest = new Wire.InputDigest { PromptSha256 = digest.PromptSha256 } };
        foreach (var index in order)
        {
            var header = headers[index]!;
            var (width, height) = header.SizeAs(new ImageDecoderOptions { ApplyExifOrientation = limits.Value.ApplyExifOrientation });
            layout.Images.Add(new Wire.VisualLayout
            {
                ImageIndex = index,
                Width = width,
                Height = height,
                PageCount = header.PageCount,
                AppliedOrientation = limits.Value.ApplyExifOrientation ? header.Orientation : 1,
            });
        }

        return layout;
    }
}
