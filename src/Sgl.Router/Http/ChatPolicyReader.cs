using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Sgl.Guidance;

namespace Sgl.Router;

/// <summary>
/// Reads <c>sgl</c>, our own settings of a request (see <c>sgl.v1.RoutingPolicy</c>). A field that is not known is always refused: the answer would differ from
/// the one that was wanted, and nobody would notice.
/// </summary>
internal static class ChatPolicyReader
{
    private static readonly (string Name, Wire.ExitCriterion Value)[] Criteria =
        [.. System.Enum.GetValues<ExitCriterion>().Select(c => (WireGuidance.Name(c), WireGuidance.From(c)))];

    private static readonly (string Name, ChatIncludes Value)[] IncludeNames =
        [("importance", ChatIncludes.Importance), ("layout", ChatIncludes.Layout), ("pruning", ChatIncludes.Pruning), ("runs", ChatIncludes.Runs)];

    /// <summary>Names of the criteria.</summary>
    public static IEnumerable<string> CriterionNames => Criteria.Select(c => c.Name);

    /// <summary>Names of what may be included.</summary>
    public static IEnumerable<string> KnownIncludes => IncludeNames.Select(i => i.Name);

    /// <summary>The fields.</summary>
    public static IReadOnlyList<string> Fields { get; } =
    [
        "policy", "threshold", "criterion", "prune", "importance_share", "diversity_weight", "unpruned", "force", "on_large_failure", "large_timeout_ms", "omit_draft", "tiles", "tile_threshold", "pictures", "image_limits", "keep_part_order",
        "include_importance", "include", "provisional",
    ];

    /// <summary>The fields of <c>image_limits</c>.</summary>
    public static IReadOnlyList<string> ImageLimitFields { get; } = ["min_tile_count", "max_tile_count", "min_pixels", "max_pixels"];

    /// <summary>Reads the settings.</summary>
    /// <param name="own">Null: none.</param>
    /// <param name="route">What the model's name means.</param>
    /// <param name="policy">The policy that the model's name names; null: none.</param>
    /// <param name="request">Gets them.</param>
    /// <returns>What is wanted beside the answer.</returns>
    public static ChatIncludes Read(BodyObject? own, Wire.Route route, string? policy, Wire.AnswerRequest request)
    {
        request.OmitImportance = true;
        request.Policy = new Wire.RoutingPolicy { Force = route, Name = policy ?? "" };
        if (own is not { } sgl)
        {
            return ChatIncludes.None;
        }

        sgl.Only([.. Fields]);
        ReadPolicy(sgl, route, request.Policy);
        ReadLimits(sgl, request);
        request.KeepPartOrder = sgl.Flag("keep_part_order");
        var includes = Includes(sgl);
        request.OmitImportance = (includes & (ChatIncludes.Importance | ChatIncludes.Pruning)) == 0;
        return includes;
    }

    private static ChatIncludes Includes(BodyObject sgl)
    {
        var includes = sgl.Flag("include_importance") ? ChatIncludes.Importance : ChatIncludes.None;
        foreach (var (name, path) in sgl.Texts("include"))
        {
            if (IncludeNames.FirstOrDefault(i => i.Name == name) is { Name: not null } known)
            {
                includes |= known.Value;
            }
            else
            {
                sgl.Violations.Add(path, $"{ViolationList.Quote(name)} is not known; use some of {string.Join(", ", IncludeNames.Select(i => i.Name))}");
            }
        }

        return includes;
    }

    private static void ReadPolicy(BodyObject sgl, Wire.Route route, Wire.RoutingPolicy policy)
    {
        if (sgl.Text("policy") is { } name)
        {
            if (policy.Name.Length > 0 && policy.Name != name)
            {
                sgl.Violations.Add(sgl.At("policy"), "contradicts model, which names another one");
            }

            policy.Name = name;
        }

        if (Threshold(sgl) is { } threshold)
        {
            policy.Threshold = threshold;
        }

        policy.Criterion = sgl.OneOf("criterion", Wire.ExitCriterion.Unspecified, Criteria);
        policy.Prune.AddRange(sgl.Objects("prune").Select(Point));
        if (sgl.Number("importance_share") is { } share)
        {
            policy.ImportanceShare = share;
        }

        if (sgl.Number("diversity_weight") is { } diversity)
        {
            policy.DiversityWeight = diversity;
        }

        policy.Unpruned = sgl.Flag("unpruned");
        policy.OmitDraft = sgl.Flag("omit_draft");
        policy.Tiles = sgl.OneOf("tiles", Wire.TileMode.Unspecified, ("all", Wire.TileMode.All), ("guided", Wire.TileMode.Guided));
        if (sgl.Number("tile_threshold") is { } tileThreshold)
        {
            policy.TileThreshold = tileThreshold;
        }

        policy.Pictures = ChatPictureReader.Read(sgl);
        policy.Force = sgl.OneOf("force", route, ("small", Wire.Route.Small), ("large", Wire.Route.Large));
        if (route != Wire.Route.Unspecified && policy.Force != route)
        {
            sgl.Violations.Add(sgl.At("force"), "contradicts model, which names the other one");
        }

        policy.OnLargeFailure = sgl.OneOf(
            "on_large_failure", Wire.LargeFailurePolicy.Unspecified, ("degrade", Wire.LargeFailurePolicy.Degrade), ("fail", Wire.LargeFailurePolicy.Fail));
        if (sgl.Whole("large_timeout_ms", 1, 86_400_000) is { } ms)
        {
            policy.LargeTimeout = Duration.FromTimeSpan(TimeSpan.FromMilliseconds((double)ms));
        }
    }

    // JSON has no infinity, and "nothing exits" is a threshold that people want.
    private static double? Threshold(BodyObject sgl) =>
        sgl.Has("threshold", out var value) && value.ValueKind == JsonValueKind.String && value.ValueEquals("Infinity") ? double.PositiveInfinity : sgl.Number("threshold");

    private static Wire.PrunePoint Point(BodyObject from)
    {
        from.Only("layer", "layer_fraction", "keep_ratio");
        var point = new Wire.PrunePoint();
        if (from.Number("layer_fraction") is { } fraction)
        {
            point.LayerFraction = fraction;
        }

        if (from.Whole("layer", 0, int.MaxValue) is { } layer)
        {
            if (point.HasLayerFraction)
            {
                from.Violations.Add(from.At("layer_fraction"), "excludes layer; set one of the two");
            }

            point.Layer = (int)layer;
        }

        if (from.Number("keep_ratio") is { } ratio)
        {
            point.KeepRatio = ratio;
        }

        return point;
    }

    private static void ReadLimits(BodyObject sgl, Wire.AnswerRequest request)
    {
        if (sgl.Object("image_limits") is not { } from)
        {
            return;
        }

        from.Only([.. ImageLimitFields]);
        var limits = request.ImageLimits = new Wire.ImageLimits();
        if (from.Whole("min_tile_count", 1, int.MaxValue) is { } minTiles)
        {
            limits.MinTileCount = (int)minTiles;
        }

        if (from.Whole("max_tile_count", 1, int.MaxValue) is { } maxTiles)
        {
            limits.MaxTileCount = (int)maxTiles;
        }

        if (from.Whole("min_pixels", 1, long.MaxValue) is { } minPixels)
        {
            limits.MinPixels = (long)minPixels;
        }

        if (from.Whole("max_pixels", 1, long.MaxValue) is { } maxPixels)
        {
            limits.MaxPixels = (long)maxPixels;
        }
    }
}
