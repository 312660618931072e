namespace Sgl.Inference.Tests.Support;

/// <summary>The system's time, and a look at the engine whenever it reads the clock: at every admission and step, on its own thread.</summary>
internal sealed class ObservedTime : TimeProvider
{
    public Action Observe { get; set; } = () => { };

    public override long GetTimestamp()
    {
        Observe();
        return base.GetTimestamp();
    }
}
