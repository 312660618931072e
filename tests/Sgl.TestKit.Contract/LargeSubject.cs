using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.TestKit.Contract;

/// <summary>A running implementation of the large contract.</summary>
public abstract class LargeSubject : IAsyncDisposable
{
    /// <summary>The service.</summary>
    public abstract RunningService Service { get; }

    /// <summary>A client of it.</summary>
    public Wire.LargeService.LargeServiceClient Client => new(Service.Channel);

    /// <summary>Waits until the model behind it works on nothing, in its own words.</summary>
    public abstract Task IdleAsync();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
