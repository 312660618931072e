using Microsoft.Extensions.Logging;

namespace Sgl.ModelServing;

internal static partial class EngineHostLog
{
    [LoggerMessage(1, LogLevel.Information, "Loading {Checkpoint} on {Placement}", EventName = "Loading")]
    public static partial void Loading(ILogger logger, string checkpoint, string placement);

    [LoggerMessage(2, LogLevel.Information, "Loading: {Phase}, {Fraction:P0}", EventName = "LoadProgress")]
    public static partial void Progress(ILogger logger, string phase, double fraction);

    [LoggerMessage(3, LogLevel.Information, "Loaded {Model} ({Family}, {MillionParameters:0.0} M parameters, {Layers} layers) in {Seconds:0.0} s", EventName = "Loaded")]
    public static partial void Loaded(ILogger logger, string model, string family, double millionParameters, int layers, double seconds);
}
