using System.Text.Json.Serialization;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>
/// The first line of a result file: what was run. A file is only continued by a run that agrees in everything but
/// <see cref="Commit"/>, <see cref="Machine"/> and <see cref="Command"/>.
/// </summary>
public sealed record RunHeader
{
    /// <summary>Names the format.</summary>
    public string Format { get; init; } = "sgl-results";

    /// <summary>Version of the format.</summary>
    public int Version { get; init; } = 1;

    /// <summary>Name of the small model.</summary>
    public required string Small { get; init; }

    /// <summary>Name of the large model.</summary>
    public required string Large { get; init; }

    /// <summary>Fingerprint of the small model's weights; null where it is not known.</summary>
    public string? SmallWeights { get; init; }

    /// <summary>Fingerprint of the large model's weights; null where it is not known.</summary>
    public string? LargeWeights { get; init; }

    /// <summary>Fingerprint of the data files; null where it is not known.</summary>
    public string? Data { get; init; }

    /// <summary>L of the large model, by which settings become layers.</summary>
    public required int LargeLayers { get; init; }

    /// <summary>Seed of whatever is random.</summary>
    public ulong Seed { get; init; }

    /// <summary>The command line.</summary>
    public string? Command { get; init; }

    /// <summary>The source commit.</summary>
    public string? Commit { get; init; }

    /// <summary>Device and machine.</summary>
    public string? Machine { get; init; }
}

/// <summary>One answer to one question by one method: a line of the result file.</summary>
public sealed record ResultRecord
{
    /// <summary>The method key of the small model's answers.</summary>
    public const string SmallMethod = "small";

    /// <summary>The benchmark.</summary>
    public required string Benchmark { get; init; }

    /// <summary>The question.</summary>
    public required string Id { get; init; }

    /// <summary><see cref="SmallMethod"/> or <see cref="MethodConfiguration.Key"/>.</summary>
    public required string Method { get; init; }

    /// <summary>Sub-task, split or question kind.</summary>
    public string? Kind { get; init; }

    /// <summary>Questions judged together share it.</summary>
    public string? Group { get; init; }

    /// <summary>The answer; null where the question failed.</summary>
    public string? Answer { get; init; }

    /// <summary>0 to 1; null where it is judged elsewhere or failed.</summary>
    public double? Score { get; init; }

    /// <summary>The exit scores; small model only.</summary>
    public ExitScoreSet? ExitScores { get; init; }

    /// <summary>Visual tokens before pruning.</summary>
    public int VisualTokens { get; init; }

    /// <summary>Ids generated.</summary>
    public int GeneratedTokens { get; init; }

    /// <summary>Share of visual tokens really present, averaged over the layers.</summary>
    public double? AverageRetention { get; init; }

    /// <summary>Tiles of the image; large model only.</summary>
    public int? Tiles { get; init; }

    /// <summary>Tiles that the vision tower ran for; large model only.</summary>
    public int? EncodedTiles { get; init; }

    /// <summary>Seconds.</summary>
    public AnswerTimings? Timings { get; init; }

    /// <summary>Highest memory use seen.</summary>
    public long? PeakMemoryBytes { get; init; }

    /// <summary>Why there is no answer.</summary>
    public string? Error { get; init; }

    /// <summary>What must not occur twice in a file.</summary>
    [JsonIgnore]
    public (string Benchmark, string Id, string Method) Key => (Benchmark, Id, Method);

    /// <summary>The part that an aggregate needs, or null without a score.</summary>
    public ScoredQuestion? Scored() => Score is { } score ? new ScoredQuestion(Id, Kind, Group, score) : null;
}
