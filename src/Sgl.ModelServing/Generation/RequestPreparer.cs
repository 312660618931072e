using Microsoft.Extensions.Options;
using Sgl.Hosting;
using Sgl.Inference;

namespace Sgl.ModelServing;

/// <summary>
/// From the wire to a prepared prompt: checks, decoding, preprocessing. Only a few requests are worked on at a time, since decoded images are
/// large; a limited number waits.
/// </summary>
public sealed class RequestPreparer : IDisposable
{
    private static readonly TimeSpan RetryWhenFull = TimeSpan.FromSeconds(1);

    private readonly EngineHost _host;
    private readonly EngineOptions _engine;
    private readonly ImageReader _images;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _slots;
    private readonly int _mostInside;
    private int _inside;

    /// <summary>Creates the preparer.</summary>
    public RequestPreparer(EngineHost host, IOptions<EngineOptions> engine, IOptions<RequestLimits> limits, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(limits);
        _host = host;
        _engine = engine.Value;
        _images = new ImageReader(limits.Value);
        _time = time;
        _slots = new SemaphoreSlim(limits.Value.Preparations());
        _mostInside = limits.Value.Preparations() + _engine.MaxQueue;
    }

    /// <summary>Checks and prepares a request.</summary>
    /// <param name="input">As it came from the wire.</param>
    /// <param name="violations">What the service itself found wrong already; refused together with what is found here.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="RequestFaultException">The request breaks the contract; all violations at once.</exception>
    /// <exception cref="NotReadyException">The model is not loaded.</exception>
    /// <exception cref="OverloadedException">Too many requests wait already.</exception>
    public async Task<PreparedRequest> PrepareAsync(ChatInput input, ViolationList violations, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(violations);
        var engine = _host.Engine;
        try
        {
            // Turned away before its images cost anything.
            if (Interlocked.Increment(ref _inside) > _mostInside || engine.Load.Waiting >= _engine.MaxQueue)
            {
                throw new OverloadedException("Too many requests are waiting.", RetryWhenFull);
            }

            await _slots.WaitAsync(cancellationToken);
            try
            {
                return await Task.Run(() => PrepareAsync(engine, input, violations, cancellationToken), cancellationToken);
            }
            finally
            {
                _slots.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _slots.Dispose();

    private async Task<PreparedRequest> PrepareAsync(VlmEngine engine, ChatInput input, ViolationList violations, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        ChatRules.Check(input.Messages, input.Images.Count, $"{input.Field}messages", violations);
        SamplingRules.Check(input.Sampling, _engine.MaxNewTokens, $"{input.Field}sampling", violations);
        ImageLimitRules.Check(input.ImageLimits, $"{input.Field}image_limits", violations);
        var images = _images.Read(input.Images, _engine.MaxImages, $"{input.Field}images", violations, cancellationToken);
        violations.ThrowIfAny();

        var messages = ImagePlacement.Complete(input.Messages, images.Count);
        var order = ImagePlacement.Order(messages);
        var prompt = new PromptInput
        {
            Images = images,
            Messages = ChatMapping.From(messages),
            ImageLimits = ImageLimitMapping.From(input.ImageLimits),
            KeepPartOrder = input.KeepPartOrder,
        };
        try
        {
            var prepared = await engine.PrepareAsync(prompt, cancellationToken);
            var sampling = SamplingMapping.From(input.Sampling, _engine.MaxNewTokens);
            sampling = SamplingMapping.Fit(sampling, input.Sampling, prepared.Ids.Length, engine.Model.MaxSequenceTokens);
            var key = engine.Model.VisualLayoutKey;
            var layout = WireLayout.From(prepared, key, InputDigests.Of(input with { Messages = messages }, key, order));
            return new PreparedRequest(engine, prepared, layout, sampling, _time.GetElapsedTime(started), input.Field);
        }
        catch (RequestException e)
        {
            throw e.Below(input.Field);
        }
    }
}
