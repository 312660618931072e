using System.Globalization;
using Google.Protobuf.WellKnownTypes;

namespace Sgl.Cli.Internal;

/// <summary>Parts of an answer in words.</summary>
internal static class Summaries
{
    /// <summary>What was dropped where.</summary>
    public static string Pruning(Wire.PruneOutcome pruning, int visualTokens)
    {
        if (pruning.KeptVisualTokenCounts.Count == 0)
        {
            return string.Create(CultureInfo.InvariantCulture, $"all {visualTokens} visual tokens");
        }

        var steps = pruning.Steps.Select((step, i) => string.Create(
            CultureInfo.InvariantCulture, $"{pruning.KeptVisualTokenCounts[i]} of {visualTokens} visual tokens from layer {step.Layer} on"));
        return string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", steps)}: {pruning.AverageRetention:P0} on average over the layers");
    }

    /// <summary>How many tiles the vision tower ran for.</summary>
    public static string Tiles(Wire.Usage usage) => string.Create(
        CultureInfo.InvariantCulture,
        $"{usage.EncodedTileCount} of {usage.TileCount} encoded, {usage.CachedTileCount} known, {usage.TileCount - usage.EncodedTileCount - usage.CachedTileCount} left out");

    /// <summary>How much of the small answer the large model took over.</summary>
    public static string Draft(Wire.Usage usage) => string.Create(
        CultureInfo.InvariantCulture,
        $"{usage.AcceptedDraftTokenCount} of {usage.DraftTokenCount} tokens of the small answer taken over, {usage.GeneratedTokenCount - 1 - usage.AcceptedDraftTokenCount} decode steps");

    /// <summary>How long both models took.</summary>
    public static string Times(Wire.AnswerCompleted completed)
    {
        var parts = new List<string>();
        Add("small", completed.Small);
        Add("large", completed.Large);
        parts.Add(string.Create(CultureInfo.InvariantCulture, $"in all {Seconds(completed.Total)}"));
        return string.Join(", ", parts);

        void Add(string role, Wire.ModelRun? run)
        {
            if (run is not null)
            {
                parts.Add($"{role} model {Seconds(run.Timings.Total)}");
            }
        }
    }

    /// <summary>A duration in milliseconds or seconds.</summary>
    public static string Seconds(Duration? duration) => Seconds(duration?.ToTimeSpan() ?? TimeSpan.Zero);

    /// <summary>A duration in milliseconds or seconds.</summary>
    public static string Seconds(TimeSpan time) => time.TotalSeconds < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s");

    /// <summary>A number of parameters as people say it.</summary>
    public static string Parameters(long count) => count switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e9:0.0} B"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:0.0} M"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{count / 1e3:0} k"),
    };
}
