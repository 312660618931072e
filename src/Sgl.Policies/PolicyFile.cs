using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sgl.Guidance;

namespace Sgl.Policies;

/// <summary>
/// The exit rule of a router with how it was found: <c>{"version":1,"criterion":"decision","threshold":0.73}</c>. <c>sgl calibrate</c> writes it, a router reads it at start.
/// Members without data are null and not written; a member that nobody knows is refused, since one that is misspelt would not count.
/// </summary>
public sealed record PolicyFile
{
    /// <summary>The version this code reads and writes.</summary>
    public const int CurrentVersion = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>Format version.</summary>
    [JsonRequired]
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The score that the threshold belongs to.</summary>
    public required ExitCriterion Criterion { get; init; }

    /// <summary>Answers at or above it exit; at least 0. Above 1: none does.</summary>
    public required double Threshold { get; init; }

    /// <summary>How the scores are combined; with <see cref="ExitCriterion.Learnt"/>, and only with it.</summary>
    public LearntCriterion? Learnt { get; init; }

    /// <summary>Name of the small model that was calibrated; the router warns when it serves another.</summary>
    public string? SmallModel { get; init; }

    /// <summary>Name of the large model that was calibrated; the router warns when it serves another.</summary>
    public string? LargeModel { get; init; }

    /// <summary>Share of the sample that exited: that of <see cref="Expected"/> once more, where a reader finds it without knowing the rest.</summary>
    public double? ExpectedExitRatio { get => field ?? Expected?.ExitRatio; init; }

    /// <summary>The scores of the sample, which later ones are held against; null: they are not.</summary>
    public ScoreBins? ScoreBins { get; init; }

    /// <summary>Key of the method that the large model was asked by, where it was part of the choice.</summary>
    public string? Method { get; init; }

    /// <summary>Where the large model prunes; none: nowhere. Null: as the router is configured.</summary>
    public IReadOnlyList<PolicyPrunePoint>? Prune { get; init; }

    /// <summary>Which tiles the large model encodes; null: as the router is configured.</summary>
    public TilePolicy? Tiles { get; init; }

    /// <summary>The threshold of guided tiles, 0 to 1; null: as the router is configured.</summary>
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

    /// <summary>Whatever a person wants to keep with it.</summary>
    public string? Note { get; init; }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="PolicyFileException">The file is missing or not such a policy; the message names it and says why.</exception>
    public static PolicyFile Load(string path)
    {
        PolicyFile? policy;
        try
        {
            using var file = File.OpenRead(path);
            policy = JsonSerializer.Deserialize<PolicyFile>(file, Json);
        }
        catch (JsonException e)
        {
            throw new PolicyFileException($"'{path}' is not a policy: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PolicyFileException($"'{path}' cannot be read: {e.Message}", e);
        }

        return (policy is null ? "is empty" : policy.Problem()) is { } problem ? throw new PolicyFileException($"'{path}' {problem}") : policy!;
    }

    /// <summary>Writes the file; a reader sees the old one or the new one, never half of it.</summary>
    /// <exception cref="PolicyFileException">A value is out of range, so that nobody could read it.</exception>
    public void Save(string path)
    {
        if (Problem() is { } problem)
        {
            throw new PolicyFileException($"The policy for '{path}' {problem}");
        }

        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full + ".new", JsonSerializer.Serialize(this, Json) + "\n");
        File.Move(full + ".new", full, overwrite: true);
    }

    private string? Problem() =>
        Version != CurrentVersion ? $"has version {Version}, expected {CurrentVersion}"
        : !(Threshold >= 0 && double.IsFinite(Threshold)) ? FormattableString.Invariant($"has threshold {Threshold}, expected 0 or above")
        : (Criterion == ExitCriterion.Learnt) != (Learnt is not null) ? "needs learnt with criterion learnt, and only with it"
        : Learnt is { } learnt && (learnt.Small is null ? "is missing" : learnt.Small.Problem() ?? learnt.Large?.Problem()) is { } weights ? $"has a learnt probability that {weights}"
        : NoShare("tile_threshold", TileThreshold) ?? NoShare("target_exit_ratio", TargetExitRatio) ?? NoShare("target_accuracy", TargetAccuracy)
            ?? NoShare("expected_exit_ratio", ExpectedExitRatio) ?? NoShare("expected.exit_ratio", Expected?.ExitRatio)
            ?? (Prune?.Any(p => p is null || !p.IsValid) == true ? "has a prune point that is no layer or layer_fraction with a keep_ratio from 0 to 1" : null)
            ?? (ScoreBins?.Problem() is { } bins ? $"has score_bins that {bins}" : null);

    private static string? NoShare(string name, double? value) =>
        value is null or (>= 0 and <= 1) ? null : FormattableString.Invariant($"has {name} {value}, expected 0 to 1");
}
