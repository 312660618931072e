using System.Diagnostics;
using Grpc.Core;

namespace Sgl.Hosting;

/// <summary>
/// Carries the W3C trace context to the next hop as metadata of the call. HTTP handlers do that too, by an activity of their own in between, which costs each call
/// something, and is missing in the trace where nobody records it: give them no <c>ActivityHeadersPropagator</c>.
/// </summary>
public static class TraceContext
{
    /// <summary>Adds the context that the caller is in, if any.</summary>
    public static void AddTo(Metadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        if (Activity.Current is { } activity)
        {
            DistributedContextPropagator.Current.Inject(activity, metadata, static (carrier, name, value) => ((Metadata)carrier!).Add(name.ToLowerInvariant(), value));
        }
    }
}
