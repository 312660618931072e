using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.Vision;

namespace Sgl.ModelServing;

/// <summary>
/// From the wire to a prepared prompt: checks, decoding, preprocessing. Only as many requests are worked on at a time as there are workers and memory
/// for their pictures (<see cref="PreparationGate"/>); how many may wait is up to <see cref="RequestGate"/>.
/// </summary>
public sealed class RequestPreparer
{
    private readonly EngineHost _host;
    private readonly EngineOptions _engine;
    private readonly ImageReader _images;
    private readonly TimeProvider _time;
    private readonly RequestLimits _limits;
    private readonly PreparationGate _gate;

    /// <summary>Creates the preparer.</summary>
    public RequestPreparer(EngineHost host, IOptions<EngineOptions> engine, IOptions<RequestLimits> limits, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(limits);
        _host = host;
        _engine = engine.Value;
        _limits = limits.Value;
        _images = new ImageReader(limits.Value);
        _time = time;
        _gate = new PreparationGate(limits.Value.Preparations(), limits.Value.PreparationBytes());
    }

    /// <summary>Memory that preparations and pixels which wait for the vision tower are given now, bytes.</summary>
    public long BytesTaken => _gate.Taken;

    /// <summary>Checks and prepares a request.</summary>
    /// <param name="input">As it came from the wire.</param>
    /// <param name="violations">What the service itself found wrong already; refused together with what is found here.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="InvalidRequestException">The request breaks the contract; all violations at once.</exception>
    /// <exception cref="NotReadyException">The model is not loaded.</exception>
    public async Task<PreparedRequest> PrepareAsync(ChatInput input, ViolationList violations, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(violations);
        var engine = _host.Engine;
        using var span = ServingActivity.Preprocess();
        span?.SetTag("sgl.images", input.Images.Count);
        return await Task.Run(() => PrepareAsync(engine, input, violations, cancellationToken), cancellationToken);
    }

    private async Task<PreparedRequest> PrepareAsync(VlmEngine engine, ChatInput input, ViolationList violations, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        RequestRules.Check(input, _engine.MaxNewTokens, violations);
        var grammar = ResponseFormatRules.Read(input.ResponseFormat, $"{input.Field}response_format", violations);
        ImageLimitMapping.CheckKnown(input.ImageLimits, engine.Model.KnownImageLimits, $"{input.Field}image_limits", violations);
        var headers = _images.ReadHeaders(input.Images, _engine.MaxImages, $"{input.Field}images", violations);
        IReadOnlyList<PictureDigest> digests = [];
        if (!violations.Any)
        {
            digests = [.. input.Images.Select(i => PictureDigest.Of(i.Data.Span))];
            if (await RecallAsync(engine, input, headers, digests, started, cancellationToken) is { } known)
            {
                return known with { Grammar = grammar };
            }
        }

        var cost = Cost(engine, input, headers, violations);
        var place = await _gate.EnterAsync(cost.PeakBytes, cancellationToken);

        var work = Task.Run(() => PrepareAsync(engine, input, headers, digests, violations, started, cancellationToken), CancellationToken.None);
        try
        {
            var prepared = await work.WaitAsync(cancellationToken);
            place.Keep(cost.ResultBytes);
            DisposeAfter(prepared.Prompt.PixelsGone, place);
            return prepared with { Grammar = grammar, Pixels = place };
        }
        catch
        {
            // Whoever went away does not wait for a decoder that cannot be stopped; its place is free when the work has ended.
            DisposeAfter(work, place);
            throw;
        }
    }

    private static void DisposeAfter(Task ended, PreparationPlace place) => _ = ended.ContinueWith(
        static (ended, place) =>
        {
            ((PreparationPlace)place!).Dispose();
            _ = ended.Exception;
        },
        place, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private PreparationCost Cost(VlmEngine engine, ChatInput input, IReadOnlyList<ImageHeader?> headers, ViolationList violations)
    {
        try
        {
            // Images of a request that is wrong already are decoded, to say all that is wrong with it, and go no further.
            List<ImageHeader> good = [.. headers.OfType<ImageHeader>()];
            var cost = PreparationCost.Of(
                good, violations.Any ? [] : engine.EstimateProcessing(_images.Sizes(good), ImageLimitMapping.From(input.ImageLimits)));
            if (cost.PeakBytes > _gate.Capacity)
            {
                violations.Add(
                    $"{input.Field}images", $"preparing them would take {cost.PeakBytes >> 20} MiB, at most {_gate.Capacity >> 20} MiB are given to one request");
                violations.ThrowIfAny();
            }

            return cost;
        }
        catch (EngineRequestException e)
        {
            throw e.Below(input.Field);
        }
    }

    /// <summary>Pictures seen lately take neither a worker nor memory for their pixels.</summary>
    private async Task<PreparedRequest?> RecallAsync(
        VlmEngine engine, ChatInput input, IReadOnlyList<ImageHeader?> headers, IReadOnlyList<PictureDigest> digests, long started, CancellationToken cancellationToken)
    {
        var messages = ImagePlacement.Complete(input.Messages, digests.Count);
        try
        {
            var prompt = await engine.RecallAsync(Prompt(input, messages, [], digests), cancellationToken);
            return prompt is null ? null : Prepared(engine, input, messages, headers, digests, prompt, started);
        }
        catch (EngineRequestException e)
        {
            throw e.Below(input.Field);
        }
    }

    private async Task<PreparedRequest> PrepareAsync(
        VlmEngine engine, ChatInput input, IReadOnlyList<ImageHeader?> headers, IReadOnlyList<PictureDigest> digests, ViolationList violations, long started,
        CancellationToken cancellationToken)
    {
        var images = _images.Decode(input.Images, headers, $"{input.Field}images", violations, cancellationToken);
        violations.ThrowIfAny();

        var messages = ImagePlacement.Complete(input.Messages, images.Count);
        try
        {
            var prompt = await engine.PrepareAsync(Prompt(input, messages, images, digests), cancellationToken);
            return Prepared(engine, input, messages, headers, digests, prompt, started);
        }
        catch (EngineRequestException e)
        {
            throw e.Below(input.Field);
        }
    }

    private static PromptInput Prompt(
        ChatInput input, IReadOnlyList<Sgl.V1.ChatMessage> messages, IReadOnlyList<RgbImage> images, IReadOnlyList<PictureDigest> digests) => new()
        {
            Images = images,
            Digests = digests,
            Messages = ChatMapping.From(messages),
            ImageLimits = ImageLimitMapping.From(input.ImageLimits),
            KeepPartOrder = input.KeepPartOrder,
            CacheScope = input.Tenant.Scope,
            DropPixels = true,
        };

    private PreparedRequest Prepared(
        VlmEngine engine, ChatInput input, IReadOnlyList<Sgl.V1.ChatMessage> messages, IReadOnlyList<ImageHeader?> headers, IReadOnlyList<PictureDigest> digests,
        PreparedPrompt prompt, long started)
    {
        var sampling = SamplingMapping.From(input.Sampling, _engine.MaxNewTokens);
        sampling = SamplingMapping.Fit(sampling, input.Sampling, prompt.Ids.Length, engine.Model.MaxSequenceTokens);
        var key = _limits.VisualLayoutKey(engine.Model);
        var digest = InputDigests.Of(input with { Messages = messages }, digests, key, ImagePlacement.Order(messages));
        var layout = WireLayout.From(prompt, [.. headers.OfType<ImageHeader>()], _limits, key, digest);
        return new PreparedRequest(engine, prompt, layout, sampling, _time.GetElapsedTime(started), input.Field);
    }
}
