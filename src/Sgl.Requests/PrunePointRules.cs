using Sgl.Guidance;
using Sgl.Hosting;

namespace Sgl.Requests;

/// <summary>A prune point at a layer of a certain model.</summary>
/// <param name="Layer">One of its prune layers.</param>
/// <param name="KeepRatio">Share of visual tokens that stay from there on, 0 to 1.</param>
public readonly record struct PrunePoint(int Layer, double KeepRatio);

/// <summary>Where a model can be pruned.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Layers">How many layers it has.</param>
/// <param name="PruneLayers">In front of which of them tokens can be dropped.</param>
public sealed record PrunableModel(string Name, int Layers, IReadOnlyList<int> PruneLayers)
{
    /// <summary>As its service tells; null where that is not known.</summary>
    public static PrunableModel? Of(Wire.ModelInfo? model) => model is null ? null : new PrunableModel(model.Name, model.LayerCount, model.PruneLayers);
}

/// <summary>Checks prune points and turns layer fractions into layers.</summary>
public static class PrunePointRules
{
    /// <summary>Reads points for a model.</summary>
    /// <remarks>
    /// A fraction f means layer trunc(L f), as the authors compute it; where that is not one of the model's prune layers, the nearest one is taken, of two
    /// equally near ones the later, which drops less. A fraction of 1 never prunes and yields no point. An explicit layer is never moved.
    /// </remarks>
    /// <param name="points">From the request or the settings.</param>
    /// <param name="model">The model; null while it is not known: then only what needs no model is checked, and nothing is returned.</param>
    /// <param name="field">Path of the list, e.g. <c>policy.prune</c>.</param>
    /// <param name="violations">Gets what is wrong.</param>
    /// <returns>By rising layer, keep ratios not rising.</returns>
    public static IReadOnlyList<PrunePoint> Read(IReadOnlyList<Wire.PrunePoint> points, PrunableModel? model, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentNullException.ThrowIfNull(violations);
        var read = new List<(PrunePoint Point, int Index)>();
        for (var i = 0; i < points.Count; i++)
        {
            var layer = Layer(points[i], model, $"{field}[{i}]", violations);
            if (Ratio(points[i], $"{field}[{i}].keep_ratio", violations) is { } ratio && layer is { } k)
            {
                read.Add((new PrunePoint(k, ratio), i));
            }
        }

        read.Sort((a, b) => a.Point.Layer.CompareTo(b.Point.Layer));
        for (var i = 1; i < read.Count; i++)
        {
            var (before, after) = (read[i - 1], read[i]);
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

        return [.. read.Select(r => r.Point)];
    }

    /// <summary>Notes a layer in front of which a model cannot drop tokens.</summary>
    /// <returns>Whether it can.</returns>
    public static bool CheckLayer(int layer, PrunableModel? model, string field, ViolationList violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        if (layer < 0)
        {
            violations.Add(field, $"must be 0 or above, was {layer}");
            return false;
        }

        if (model is not null && !model.PruneLayers.Contains(layer))
        {
            violations.Add(field, $"{layer} is not a prune layer of {model.Name}; use one of {string.Join(", ", model.PruneLayers)}", ErrorReasons.PruneLayerUnavailable);
            return false;
        }

        return true;
    }

    private static double? Ratio(Wire.PrunePoint point, string field, ViolationList violations)
    {
        if (!point.HasKeepRatio)
        {
            violations.Add(field, "is required: the share of visual tokens that stay, 0 to 1");
            return null;
        }

        return violations.RequireBetween(point.KeepRatio, 0, 1, field) ? point.KeepRatio : null;
    }

    private static int? Layer(Wire.PrunePoint point, PrunableModel? model, string field, ViolationList violations)
    {
        switch (point.PositionCase)
        {
            case Wire.PrunePoint.PositionOneofCase.Layer:
                return CheckLayer(point.Layer, model, $"{field}.layer", violations) && model is not null ? point.Layer : null;
            case Wire.PrunePoint.PositionOneofCase.LayerFraction:
                var known = violations.RequireBetween(point.LayerFraction, 0, 1, $"{field}.layer_fraction");
                return known && model is not null ? Nearest(point.LayerFraction, model, $"{field}.layer_fraction", violations) : null;
            default:
                violations.Add(field, "one of layer and layer_fraction is required");
                return null;
        }
    }

    private static int? Nearest(double fraction, PrunableModel model, string field, ViolationList violations)
    {
        var wanted = PruneSchedule.Layer(model.Layers, fraction);
        if (wanted >= model.Layers)
        {
            return null;
        }

        if (model.PruneLayers.Count == 0)
        {
            violations.Add(field, $"{model.Name} has no prune layers", ErrorReasons.PruneLayerUnavailable);
            return null;
        }

        return model.PruneLayers.OrderBy(l => Math.Abs(l - wanted)).ThenByDescending(l => l).First();
    }
}
