using System.Text.Json;
using System.Text.Json.Serialization;
using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>What a threshold is expected to do, measured on the calibration sample. Members without data are null.</summary>
public sealed record PolicyExpectation
{
    /// <summary>Share of requests that exit.</summary>
    public required double ExitRatio { get; init; }

    /// <summary>95 % bootstrap interval of <see cref="ExitRatio"/>.</summary>
    public double[]? ExitRatioInterval { get; init; }

    /// <summary>Mean metric score of all answers, small and large mixed.</summary>
    public double? Accuracy { get; init; }

    /// <summary>95 % bootstrap interval of <see cref="Accuracy"/>.</summary>
    public double[]? AccuracyInterval { get; init; }

    /// <summary>Mean metric score of the answers that exit.</summary>
    public double? ExitedAccuracy { get; init; }

    /// <summary>95 % bootstrap interval of <see cref="ExitedAccuracy"/>.</summary>
    public double[]? ExitedAccuracyInterval { get; init; }

    /// <summary>Mean seconds per request: the small model always, the large one for those that do not exit.</summary>
    public double? SecondsPerRequest { get; init; }

    /// <summary><see cref="SecondsPerRequest"/> over the mean seconds of the large model alone.</summary>
    public double? CostRatio { get; init; }

    /// <summary>Mean cost of a request in the unit of the prices it was chosen by; null where it was not chosen by cost.</summary>
    public double? CostPerRequest { get; init; }

    /// <summary>Mean metric score of all answers to requests that the choice was not made from.</summary>
    public double? HeldOutAccuracy { get; init; }

    /// <summary>Mean cost of requests that the choice was not made from.</summary>
    public double? HeldOutCostPerRequest { get; init; }
}

/// <summary>The exit scores of a sample: shares of them between edges, so that a router can tell when its own have become others.</summary>
/// <param name="Edges">Rising; the first bin is below the first edge, the last one at or above the last.</param>
/// <param name="Shares">One more than edges, each 0 to 1, 1 together.</param>
public sealed record PolicyScoreBins(IReadOnlyList<double> Edges, IReadOnlyList<double> Shares);

/// <summary>Where a policy prunes.</summary>
/// <param name="Layer">K; null where <paramref name="LayerFraction"/> tells.</param>
/// <param name="LayerFraction">f in K = int(L f).</param>
/// <param name="KeepRatio">r.</param>
public sealed record PolicyPrunePoint(int? Layer, double? LayerFraction, double KeepRatio);

/// <summary>The sample a policy was made from.</summary>
public sealed record PolicySample
{
    /// <summary>Number of requests.</summary>
    public required int Count { get; init; }

    /// <summary>How many of them had a right answer to compare with.</summary>
    public required int Labelled { get; init; }

    /// <summary>Where they came from.</summary>
    public string? Source { get; init; }

    /// <summary>Expected calibration error of the score as it is, where there are labels.</summary>
    public double? ExpectedCalibrationError { get; init; }

    /// <summary>What limits the claims above.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>The exit rule of a router with how it was found: the file that <c>sgl calibrate</c> writes and a router loads.</summary>
public sealed record ExitPolicy
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Version of the format; 1.</summary>
    public int Version { get; init; } = 1;

    /// <summary>Which exit score is compared.</summary>
    public required ExitCriterion Criterion { get; init; }

    /// <summary>Answers at or above it exit. Above 1: none does.</summary>
    public required double Threshold { get; init; }

    /// <summary>Name of the small model; a router that serves another can warn.</summary>
    public string? SmallModel { get; init; }

    /// <summary>Name of the large model; a router that serves another can warn.</summary>
    public string? LargeModel { get; init; }

    /// <summary>The expected exit ratio once more, where a router looks for it.</summary>
    public double? ExpectedExitRatio => Expected?.ExitRatio;

    /// <summary>The scores of the sample; null where they are all the same.</summary>
    public PolicyScoreBins? ScoreBins { get; init; }

    /// <summary>Key of the method that the large model was asked by, where it was part of the choice.</summary>
    public string? Method { get; init; }

    /// <summary>Where the large model prunes, where that was part of the choice; none: nowhere. Null: as the router is configured.</summary>
    public IReadOnlyList<PolicyPrunePoint>? Prune { get; init; }

    /// <summary>"all" or "guided", where it was part of the choice.</summary>
    public string? Tiles { get; init; }

    /// <summary>The threshold of guided tiles.</summary>
    public double? TileThreshold { get; init; }

    /// <summary>The exit ratio that was asked for, if one was. A router may hold it by a running quantile.</summary>
    public double? TargetExitRatio { get; init; }

    /// <summary>The accuracy that was asked for, if one was.</summary>
    public double? TargetAccuracy { get; init; }

    /// <summary>What is expected of it.</summary>
    public PolicyExpectation? Expected { get; init; }

    /// <summary>What it was made from.</summary>
    public PolicySample? Sample { get; init; }

    /// <summary>When.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Reads a policy file.</summary>
    /// <exception cref="EvaluationException">Not a policy, an unknown field or criterion, a value out of range; names the file.</exception>
    public static ExitPolicy Load(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EvaluationException($"{path}: {e.Message}", e);
        }

        try
        {
            return Parse(text);
        }
        catch (EvaluationException e)
        {
            throw new EvaluationException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads a policy from its text.</summary>
    /// <exception cref="EvaluationException">As <see cref="Load"/>.</exception>
    public static ExitPolicy Parse(string json)
    {
        ExitPolicy policy;
        try
        {
            policy = JsonSerializer.Deserialize<ExitPolicy>(json, Json) ?? throw new JsonException("null is no policy");
        }
        catch (JsonException e)
        {
            throw new EvaluationException($"not an exit policy: {e.Message}", e);
        }

        policy.Validate();
        return policy;
    }

    /// <summary>The text of the policy file.</summary>
    public string ToJson()
    {
        Validate();
        return JsonSerializer.Serialize(this, Json) + "\n";
    }

    /// <summary>Writes the file; a reader sees the old one or the new one, never half of it.</summary>
    public void Save(string path)
    {
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full + ".new", ToJson());
        File.Move(full + ".new", full, overwrite: true);
    }

    private void Validate()
    {
        if (Version != 1)
        {
            throw new EvaluationException($"version must be 1, was {Version}");
        }

        if (!Enum.IsDefined(Criterion))
        {
            throw new EvaluationException($"criterion {(int)Criterion} is unknown");
        }

        if (!double.IsFinite(Threshold) || Threshold < 0)
        {
            throw new EvaluationException(FormattableString.Invariant($"threshold must be a number of at least 0, was {Threshold}"));
        }

        RequireShare("target_exit_ratio", TargetExitRatio);
        RequireShare("target_accuracy", TargetAccuracy);
        RequireShare("expected.exit_ratio", Expected?.ExitRatio);
    }

    private static void RequireShare(string name, double? value)
    {
        if (value is { } share && !(share >= 0 && share <= 1))
        {
            throw new EvaluationException(FormattableString.Invariant($"{name} must be between 0 and 1, was {share}"));
        }
    }
}
