using System.Diagnostics;

namespace Sgl.Hosting.Internal;

/// <summary>
/// Keeps the W3C trace context of callers alive over all hops even where nobody records traces: without a listener or a log, the framework would not make
/// the activity that carries it. A recorder such as OpenTelemetry that listens too gets what it asks for.
/// </summary>
internal sealed class TracePropagation : IDisposable
{
    private readonly ActivityListener _listener = new()
    {
        ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
        Sample = static (ref ActivityCreationOptions<ActivityContext> options) =>
            options.Parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded) ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.PropagationData,
    };

    public void Listen() => ActivitySource.AddActivityListener(_listener);

    public void Dispose() => _listener.Dispose();
}
