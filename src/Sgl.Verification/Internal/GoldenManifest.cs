using System.Globalization;
using System.Text.Json;

namespace Sgl.Verification.Internal;

/// <summary>A case's manifest, in either of the two golden formats.</summary>
internal sealed record GoldenManifest
{
    public required string Name { get; init; }

    public required string Folder { get; init; }

    public required string SmallCheckpoint { get; init; }

    public string? LargeCheckpoint { get; init; }

    public required int VisualTokens { get; init; }

    public required int ImageTokenId { get; init; }

    public required int MaxNewTokens { get; init; }

    public required int MinNewTokens { get; init; }

    /// <summary>Whether the expectations come from the families' set, whose tolerances are its own.</summary>
    public required bool IsFamilySet { get; init; }

    /// <summary>Where the visual tokens are, by key: integers of <c>layout</c>, and <c>grid_thw</c>. Empty in the InternVL set.</summary>
    public required IReadOnlyDictionary<string, int[]> Layout { get; init; }

    public required GoldenSide Small { get; init; }

    public GoldenSide? Large { get; init; }

    public static GoldenManifest Read(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var root = document.RootElement;
        var large = Text(root, "large_checkpoint");
        return new GoldenManifest
        {
            Name = $"{Text(root, "pair")}/{Text(root, "case")}",
            Folder = Path.GetDirectoryName(Path.GetFullPath(path))!,
            SmallCheckpoint = Text(root, "small_checkpoint") ?? throw new GoldenDataException($"{path}: small_checkpoint is missing"),
            LargeCheckpoint = large,
            VisualTokens = root.GetProperty("visual_tokens").GetInt32(),
            ImageTokenId = (root.TryGetProperty("img_context_id", out var id) ? id : root.GetProperty("image_token_id")).GetInt32(),
            MaxNewTokens = root.GetProperty("max_new_tokens").GetInt32(),
            MinNewTokens = root.TryGetProperty("min_new_tokens", out var min) ? min.GetInt32() : 1,
            IsFamilySet = root.TryGetProperty("family", out _),
            Layout = ReadLayout(root),
            Small = GoldenSide.Read(root.GetProperty("small")),
            Large = large is not null && root.TryGetProperty("large", out var side) && side.ValueKind == JsonValueKind.Object ? GoldenSide.Read(side) : null,
        };
    }

    private static Dictionary<string, int[]> ReadLayout(JsonElement root)
    {
        var layout = new Dictionary<string, int[]>();
        if (GoldenSide.Ints(root, "grid_thw") is { } grid)
        {
            layout["grid_thw"] = [.. grid];
        }

        if (root.TryGetProperty("layout", out var members) && members.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in members.EnumerateObject())
            {
                if (GoldenSide.Ints(members, member.Name) is { } list)
                {
                    layout[member.Name] = [.. list];
                }
                else if (member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt32(out var number))
                {
                    layout[member.Name] = [number];
                }
            }
        }

        return layout;
    }

    private static string? Text(JsonElement element, string key) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>What a manifest says about one of the two models.</summary>
internal sealed record GoldenSide
{
    public required IReadOnlyList<int> EosIds { get; init; }

    public required int VisualStart { get; init; }

    public required int VisualEnd { get; init; }

    public int? PromptLength { get; init; }

    public int? GeneratedCount { get; init; }

    public IReadOnlyList<int>? GeneratedIds { get; init; }

    public IReadOnlyList<int>? KvFinal { get; init; }

    public double? Confidence { get; init; }

    public double? Decision { get; init; }

    public double DefaultRatio { get; init; } = 0.05;

    /// <summary>Consistency by ratio, as written.</summary>
    public required IReadOnlyDictionary<string, double> Consistency { get; init; }

    /// <summary>Kept count by ratio, as written.</summary>
    public required IReadOnlyDictionary<string, int> KeptCounts { get; init; }

    public required IReadOnlyList<GoldenRun> Runs { get; init; }

    public static GoldenSide Read(JsonElement side) => new()
    {
        EosIds = Ints(side, "eos_id") ?? [side.GetProperty("eos_id").GetInt32()],
        VisualStart = side.GetProperty("v_start").GetInt32(),
        VisualEnd = side.GetProperty("v_end").GetInt32(),
        PromptLength = (int?)Number(side, "seq_len"),
        GeneratedCount = (int?)Number(side, "n_generated"),
        GeneratedIds = Ints(side, "generated_ids"),
        KvFinal = Ints(side, "kv_lengths_after_last_decode") ?? Ints(side, "kv_final"),
        Confidence = Number(side, "confidence"),
        Decision = Number(side, "decision_eq9"),
        DefaultRatio = Number(side, "consistency_default_ratio") ?? 0.05,
        Consistency = Map(side, "consistency", e => e.GetDouble()),
        KeptCounts = Map(side, "kept", e => e.GetProperty("count").GetInt32()),
        Runs = side.TryGetProperty("runs", out var runs) ? [.. runs.EnumerateObject().Select(r => GoldenRun.Read(r.Name, r.Value))] : [],
    };

    internal static IReadOnlyList<int>? Ints(JsonElement element, string key) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(e => e.GetInt32())] : null;

    internal static double? Number(JsonElement element, string key) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static Dictionary<string, T> Map<T>(JsonElement element, string key, Func<JsonElement, T> read) =>
        element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Object ? value.EnumerateObject().ToDictionary(p => p.Name, p => read(p.Value)) : [];
}

/// <summary>One run of the large model.</summary>
/// <param name="Tag">Prefix of its tensors.</param>
/// <param name="PruneLayer">K; null for the unpruned run.</param>
/// <param name="Ratio">Keep ratio.</param>
/// <param name="Importance">Where the ranking comes from: <c>sgp</c>, <c>oracle</c> or <c>fastv</c>.</param>
/// <param name="GeneratedIds">Expected ids.</param>
/// <param name="KvPrefill">Expected KV lengths behind the prefill.</param>
/// <param name="KvFinal">Expected KV lengths at the end.</param>
/// <param name="DecodePositions">Expected positions of the decode steps.</param>
/// <param name="KeptCount">Expected number of kept visual tokens.</param>
internal sealed record GoldenRun(
    string Tag,
    int? PruneLayer,
    double Ratio,
    string Importance,
    IReadOnlyList<int> GeneratedIds,
    IReadOnlyList<int>? KvPrefill,
    IReadOnlyList<int>? KvFinal,
    IReadOnlyList<int>? DecodePositions,
    int? KeptCount)
{
    public static GoldenRun Read(string tag, JsonElement run) => new(
        tag,
        (int?)(GoldenSide.Number(run, "K") ?? GoldenSide.Number(run, "prune_layer")),
        GoldenSide.Number(run, "ratio") ?? 1,
        run.TryGetProperty("importance", out var importance) ? importance.GetString()! : tag.Split('_')[0],
        GoldenSide.Ints(run, "generated_ids") ?? throw new GoldenDataException(string.Create(CultureInfo.InvariantCulture, $"run {tag} has no generated_ids")),
        GoldenSide.Ints(run, "kv_lengths_after_prefill") ?? GoldenSide.Ints(run, "kv_prefill"),
        GoldenSide.Ints(run, "kv_lengths_after_last_decode") ?? GoldenSide.Ints(run, "kv_final"),
        GoldenSide.Ints(run, "decode_position_ids"),
        (int?)(GoldenSide.Number(run, "kept_count") ?? GoldenSide.Number(run, "kept")));
}
