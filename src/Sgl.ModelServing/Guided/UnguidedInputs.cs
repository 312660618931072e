using Grpc.Core;
using Microsoft.Extensions.Options;
using Sgl.Hosting;

namespace Sgl.ModelServing;

/// <summary>Bounds the inputs that were sent ahead of their guidance: most are never asked about, and each holds features and a place.</summary>
public sealed class UnguidedInputs
{
    private static readonly TimeSpan RetryWhenFull = TimeSpan.FromSeconds(1);

    private readonly int _most;
    private int _inside;

    /// <summary>Creates the bound of one service.</summary>
    /// <param name="options">The bound, where one is configured.</param>
    /// <param name="waiting">Requests of any kind that may wait; half of them is the bound where none is configured.</param>
    /// <param name="metrics">Told how many there are.</param>
    public UnguidedInputs(IOptions<GuidanceOptions> options, int waiting, ServiceMetrics metrics)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(metrics);
        _most = options.Value.MaxWaiting > 0 ? options.Value.MaxWaiting : Math.Max(1, waiting / 2);
        var gauge = metrics.Factory.CreateGauge("sgl_inputs_without_guidance", "Inputs held whose guidance has not come; part of sgl_requests_waiting.");
        metrics.BeforeScrape(_ => gauge.Set(Volatile.Read(ref _inside)));
    }

    /// <summary>Takes a place.</summary>
    /// <returns>To be disposed when guidance has come, or the request has ended.</returns>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED: there is none.</exception>
    public IDisposable Enter()
    {
        if (Interlocked.Increment(ref _inside) > _most)
        {
            Interlocked.Decrement(ref _inside);
            throw Faults.Overloaded(
                $"{_most} inputs wait for their guidance already (setting Guidance:MaxWaiting). Send input and guidance together.", RetryWhenFull, ErrorReasons.Unguided).ToRpcException();
        }

        return new Place(this);
    }

    private sealed class Place(UnguidedInputs owner) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                Interlocked.Decrement(ref owner._inside);
            }
        }
    }
}
