namespace Sgl.Router;

/// <summary><c>GET /v1/sgl/info</c>: what <c>RouterService.GetInfo</c> tells, for pages and scripts.</summary>
internal sealed record InfoResponse
{
    public string Object => "sgl.info";

    public required string Version { get; init; }

    /// <summary>Absent while it cannot be reached.</summary>
    public InfoModel? Small { get; init; }

    /// <summary>Absent while it cannot be reached.</summary>
    public InfoModel? Large { get; init; }

    /// <summary>For requests that bring none.</summary>
    public required InfoPolicy DefaultPolicy { get; init; }

    /// <summary>Why the two cannot be paired; absent where they can.</summary>
    public string? PairingProblem { get; init; }

    /// <summary>Most bytes of a request's body.</summary>
    public required long MaxBodyBytes { get; init; }

    public static InfoResponse From(Wire.GetInfoResponse info, long maxBodyBytes) => new()
    {
        Version = info.Version,
        Small = InfoModel.From(info.Small),
        Large = InfoModel.From(info.Large),
        DefaultPolicy = InfoPolicy.From(info.DefaultPolicy),
        PairingProblem = info.PairingProblem is { Length: > 0 } problem ? problem : null,
        MaxBodyBytes = maxBodyBytes,
    };
}

/// <summary>One of the two models.</summary>
internal sealed record InfoModel
{
    public required string Name { get; init; }

    public required string Family { get; init; }

    public required string Weights { get; init; }

    public required int LayerCount { get; init; }

    public required long ParameterCount { get; init; }

    public required IReadOnlyList<int> PruneLayers { get; init; }

    /// <summary>Whether tiles can be guided.</summary>
    public required bool CutsTiles { get; init; }

    /// <summary>It runs in a foreign engine: guidance acts on the pictures that it is sent.</summary>
    public required bool GuidedByPictures { get; init; }

    /// <summary>Why no beginnings of prompts are kept; absent where they are.</summary>
    public string? PrefixCacheOff { get; init; }

    public required int MaxImageCount { get; init; }

    public required long MaxImagePixels { get; init; }

    public required long MaxImageBytes { get; init; }

    public required int MaxNewTokens { get; init; }

    public static InfoModel? From(Wire.ModelInfo? model) => model is null ? null : new()
    {
        Name = model.Name,
        Family = model.Family,
        Weights = model.Weights,
        LayerCount = model.LayerCount,
        ParameterCount = model.ParameterCount,
        PruneLayers = [.. model.PruneLayers],
        CutsTiles = model.CutsTiles,
        GuidedByPictures = model.GuidedByPictures,
        PrefixCacheOff = model.PrefixCacheOff is { Length: > 0 } reason ? reason : null,
        MaxImageCount = model.MaxImageCount,
        MaxImagePixels = model.MaxImagePixels,
        MaxImageBytes = model.MaxImageBytes,
        MaxNewTokens = model.MaxNewTokens,
    };
}

/// <summary>The configured policy, in the fields of <c>sgl</c>.</summary>
internal sealed record InfoPolicy
{
    /// <summary>Absent where it is infinite: nothing exits.</summary>
    public double? Threshold { get; init; }

    public string? Criterion { get; init; }

    public required IReadOnlyList<InfoPrunePoint> Prune { get; init; }

    public required bool Unpruned { get; init; }

    /// <summary>Share of the importance that adaptive retention keeps; absent without it.</summary>
    public double? ImportanceShare { get; init; }

    /// <summary>Weight of the importance in determinantal selection; absent without it.</summary>
    public double? DiversityWeight { get; init; }

    public required string Tiles { get; init; }

    public required double TileThreshold { get; init; }

    /// <summary>How pictures are made for a large model in a foreign engine.</summary>
    public required string Pictures { get; init; }

    /// <summary><c>small</c> or <c>large</c>; absent where the scores decide.</summary>
    public string? Force { get; init; }

    /// <summary><c>degrade</c> or <c>fail</c>.</summary>
    public required string OnLargeFailure { get; init; }

    public required double LargeTimeoutMs { get; init; }

    public required bool OmitDraft { get; init; }

    public static InfoPolicy From(Wire.RoutingPolicy policy) => new()
    {
        Threshold = double.IsFinite(policy.Threshold) ? policy.Threshold : null,
        Criterion = WireGuidance.To(policy.Criterion) is { } criterion ? WireGuidance.Name(criterion) : null,
        Prune = [.. policy.Prune.Select(p => new InfoPrunePoint(
            p.PositionCase == Wire.PrunePoint.PositionOneofCase.Layer ? p.Layer : null,
            p.PositionCase == Wire.PrunePoint.PositionOneofCase.LayerFraction ? p.LayerFraction : null,
            p.KeepRatio))],
        Unpruned = policy.Unpruned,
        ImportanceShare = policy.HasImportanceShare ? policy.ImportanceShare : null,
        DiversityWeight = policy.HasDiversityWeight ? policy.DiversityWeight : null,
        Tiles = ChatDetails.Name(policy.Tiles),
        TileThreshold = policy.TileThreshold,
        Pictures = ChatDetails.Name(policy.Pictures?.Strategy ?? Wire.PictureStrategy.None),
        Force = policy.Force == Wire.Route.Unspecified ? null : policy.Force.ToString().ToLowerInvariant(),
        OnLargeFailure = policy.OnLargeFailure.ToString().ToLowerInvariant(),
        LargeTimeoutMs = policy.LargeTimeout.ToTimeSpan().TotalMilliseconds,
        OmitDraft = policy.OmitDraft,
    };
}

/// <summary>As in <c>sgl.prune</c>.</summary>
internal sealed record InfoPrunePoint(int? Layer, double? LayerFraction, double KeepRatio);
