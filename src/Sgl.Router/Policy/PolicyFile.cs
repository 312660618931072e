using System.Text.Json;
using System.Text.Json.Serialization;
using Sgl.Guidance;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>
/// A calibrated policy: <c>{"version":1,"criterion":"decision","threshold":0.73}</c>. Written by <c>sgl calibrate</c>, read by the router at start.
/// Further members describe the calibration and are for people.
/// </summary>
public sealed record PolicyFile
{
    /// <summary>The version this code reads and writes.</summary>
    public const int CurrentVersion = 1;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters =
        {
            new JsonStringEnumConverter<ExitCriterion>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false),
            new JsonStringEnumConverter<TilePolicy>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false),
        },
    };

    /// <summary>Format version.</summary>
    [JsonRequired]
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The score that the threshold belongs to.</summary>
    [JsonRequired]
    public ExitCriterion Criterion { get; init; }

    /// <summary>The threshold, at least 0.</summary>
    [JsonRequired]
    public double Threshold { get; init; }

    /// <summary>Name of the small model that was calibrated; the router warns when it serves another.</summary>
    public string? SmallModel { get; init; }

    /// <summary>Name of the large model that was calibrated; the router warns when it serves another.</summary>
    public string? LargeModel { get; init; }

    /// <summary>Which tiles the large model encodes; null: as the router is configured.</summary>
    public TilePolicy? Tiles { get; init; }

    /// <summary>The threshold of guided tiles, 0 to 1; null: as the router is configured.</summary>
    public double? TileThreshold { get; init; }

    /// <summary>Where the large model prunes; none: nowhere. Null: as the router is configured.</summary>
    public IReadOnlyList<PrunePointOptions>? Prune { get; init; }

    /// <summary>The scores of the sample, which later ones are held against; null: they are not.</summary>
    public ScoreBins? ScoreBins { get; init; }

    /// <summary>Share of the sample that exited.</summary>
    public double? ExpectedExitRatio { get; init; }

    /// <summary>All other members, kept as they are.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement> Details { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="SettingsFileException">The file is missing or not such a policy; the message says why.</exception>
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
            throw new SettingsFileException($"'{path}' is not a policy: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsFileException($"'{path}' cannot be read: {e.Message}", e);
        }

        return policy switch
        {
            null => throw new SettingsFileException($"'{path}' is empty"),
            { Version: not CurrentVersion } => throw new SettingsFileException($"'{path}' has version {policy.Version}, expected {CurrentVersion}"),
            { Threshold: not >= 0 } => throw new SettingsFileException(FormattableString.Invariant($"'{path}' has threshold {policy.Threshold}, expected 0 or above")),
            { TileThreshold: not null and not (>= 0 and <= 1) } => throw new SettingsFileException(FormattableString.Invariant($"'{path}' has tile_threshold {policy.TileThreshold}, expected 0 to 1")),
            { Prune: { } points } when points.Any(p => p is not { KeepRatio: >= 0 and <= 1 } || p.Layer is null == p.LayerFraction is null || p.Layer < 0 || p.LayerFraction is not (null or (>= 0 and <= 1))) =>
                throw new SettingsFileException($"'{path}' has a prune point that is no layer or layer_fraction with a keep_ratio from 0 to 1"),
            { ScoreBins: { } bins } when bins.Problem() is { } problem => throw new SettingsFileException($"'{path}': score_bins {problem}"),
            _ => policy,
        };
    }
}
