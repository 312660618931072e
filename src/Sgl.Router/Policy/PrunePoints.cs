using Sgl.Guidance;
using Sgl.Hosting;

namespace Sgl.Router;

/// <summary>A prune point at a layer of a certain large model.</summary>
/// <param name="Layer">One of its prune layers.</param>
/// <param name="KeepRatio">Share of visual tokens that stay from there on.</param>
internal readonly record struct ResolvedPoint(int Layer, double KeepRatio);

/// <summary>Checks prune points and turns layer fractions into layers.</summary>
internal static class PrunePoints
{
    /// <summary>Resolves points for a large model.</summary>
    /// <remarks>
    /// A fraction f means layer trunc(L f), as the authors compute it; where that is not one of the model's prune layers, the nearest one is taken, of two
    /// equally near ones the later, which drops less. A fraction of 1 never prunes and yields no point. An explicit layer is never moved.
    /// </remarks>
    /// <param name="points">From the request or the settings.</param>
    /// <param name="large">The model; null while it is not known: then only what needs no model is checked, and nothing is returned.</param>
    /// <param name="field">Path of the list, e.g. <c>policy.prune</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    /// <returns>By rising layer.</returns>
    public static IReadOnlyList<ResolvedPoint> Resolve(
        IReadOnlyList<Wire.PrunePoint> points, Wire.ModelInfo? large, string field, ViolationList violations)
    {
        var resolved = new List<(ResolvedPoint Point, int Index)>();
        for (var i = 0; i < points.Count; i++)
        {
            var (point, at) = (points[i], $"{field}[{i}]");
            var ratioIsFine = point.HasKeepRatio && point.KeepRatio is >= 0 and <= 1;
            if (!point.HasKeepRatio)
            {
                violations.Add($"{at}.keep_ratio", "is required: the share of visual tokens that stay, 0 to 1");
            }
            else if (!ratioIsFine)
            {
                violations.Add($"{at}.keep_ratio", FormattableString.Invariant($"must be between 0 and 1, was {point.KeepRatio}"));
            }

            if (Layer(point, large, at, violations) is { } layer && ratioIsFine)
            {
                resolved.Add((new ResolvedPoint(layer, point.KeepRatio), i));
            }
        }

        resolved.Sort((a, b) => a.Point.Layer.CompareTo(b.Point.Layer));
        for (var i = 1; i < resolved.Count; i++)
        {
            var (before, after) = (resolved[i - 1], resolved[i]);
            if (before.Point.Layer == after.Point.Layer)
            {
                violations.Add($"{field}[{after.Index}]", $"falls on layer {after.Point.Layer} like point {before.Index}; use one point per layer");
            }
            else if (after.Point.KeepRatio > before.Point.KeepRatio)
            {
                violations.Add(
                    $"{field}[{after.Index}].keep_ratio",
                    FormattableString.Invariant($"is {after.Point.KeepRatio}, more than the {before.Point.KeepRatio} kept at the earlier layer {before.Point.Layer}; what was dropped cannot come back"));
            }
        }

        return [.. resolved.Select(r => r.Point)];
    }

    private static int? Layer(Wire.PrunePoint point, Wire.ModelInfo? large, string at, ViolationList violations)
    {
        switch (point.PositionCase)
        {
            case Wire.PrunePoint.PositionOneofCase.Layer when point.Layer < 0:
                violations.Add($"{at}.layer", $"must be 0 or above, was {point.Layer}");
                return null;
            case Wire.PrunePoint.PositionOneofCase.Layer when large is not null && !large.PruneLayers.Contains(point.Layer):
                violations.Add($"{at}.layer", $"{point.Layer} is not a prune layer of {large.Name}; use one of {string.Join(", ", large.PruneLayers)}", ErrorReasons.PruneLayerUnavailable);
                return null;
            case Wire.PrunePoint.PositionOneofCase.Layer:
                return large is null ? null : point.Layer;
            case Wire.PrunePoint.PositionOneofCase.LayerFraction when !(point.LayerFraction >= 0 && point.LayerFraction <= 1):
                violations.Add($"{at}.layer_fraction", FormattableString.Invariant($"must be between 0 and 1, was {point.LayerFraction}"));
                return null;
            case Wire.PrunePoint.PositionOneofCase.LayerFraction:
                return large is null ? null : Nearest(point.LayerFraction, large, at, violations);
            default:
                violations.Add(at, "needs layer or layer_fraction");
                return null;
        }
    }

    private static int? Nearest(double fraction, Wire.ModelInfo large, string at, ViolationList violations)
    {
        var wanted = PruneSchedule.Layer(large.LayerCount, fraction);
        if (wanted >= large.LayerCount)
        {
            return null;
        }

        if (large.PruneLayers.Count == 0)
        {
            violations.Add($"{at}.layer_fraction", $"{large.Name} has no prune layers", ErrorReasons.PruneLayerUnavailable);
            return null;
        }

        return large.PruneLayers.OrderBy(l => Math.Abs(l - wanted)).ThenByDescending(l => l).First();
    }
}
