using Sgl.Guidance;
using Sgl.Hosting;
using Sgl.Inference;
using Sgl.ModelServing;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

/// <summary>A prune layer and the share of visual tokens that stay from there on.</summary>
/// <param name="Layer">0-based; L where nothing is pruned.</param>
/// <param name="KeepRatio">0 to 1.</param>
internal readonly record struct CheckedPoint(int Layer, double KeepRatio);

/// <summary>Checks where to prune against the model's prune layers.</summary>
internal static class PrunePointRules
{
    /// <summary>Reads the points; what is wrong goes to <paramref name="violations"/>.</summary>
    public static IReadOnlyList<CheckedPoint> Read(IReadOnlyList<Wire.PrunePoint> points, ModelDescription model, string field, ViolationList violations)
    {
        if (points.Count == 0)
        {
            violations.Add(field, "is required: at least one point that says where to prune and how much to keep");
            return [];
        }

        var read = new List<CheckedPoint>(points.Count);
        for (var i = 0; i < points.Count; i++)
        {
            var layer = ReadLayer(points[i], model, $"{field}[{i}]", violations);
            var ratio = ReadRatio(points[i], $"{field}[{i}]", violations);
            if (layer is { } k && ratio is { } r)
            {
                read.Add(new CheckedPoint(k, r));
            }
        }

        if (read.Count == points.Count)
        {
            CheckOrder(read, field, violations);
        }

        return read;
    }

    /// <summary>Notes a layer in front of which this model cannot drop tokens.</summary>
    public static void CheckLayer(int layer, ModelDescription model, string field, ViolationList violations)
    {
        if (!model.PruneLayers.Contains(layer))
        {
            violations.Add(field, $"layer {layer} is not a prune layer of this model; allowed: {Allowed(model)}", ErrorReasons.PruneLayerUnavailable);
        }
    }

    private static int? ReadLayer(Wire.PrunePoint point, ModelDescription model, string field, ViolationList violations)
    {
        switch (point.PositionCase)
        {
            case Wire.PrunePoint.PositionOneofCase.Layer:
                CheckLayer(point.Layer, model, $"{field}.layer", violations);
                return point.Layer;

            case Wire.PrunePoint.PositionOneofCase.LayerFraction when !(point.LayerFraction >= 0 && point.LayerFraction <= 1):
                violations.Add($"{field}.layer_fraction", FormattableString.Invariant($"must be between 0 and 1, was {point.LayerFraction}"));
                return null;

            case Wire.PrunePoint.PositionOneofCase.LayerFraction:
                var layer = PruneSchedule.Layer(model.Layers, point.LayerFraction);
                if (layer < model.Layers && !model.PruneLayers.Contains(layer))
                {
                    violations.Add(
                        $"{field}.layer_fraction",
                        FormattableString.Invariant($"{point.LayerFraction} of {model.Layers} layers is layer {layer}, not a prune layer of this model; allowed layers: {Allowed(model)}"),
                        ErrorReasons.PruneLayerUnavailable);
                }

                return layer;

            default:
                violations.Add(field, "one of layer and layer_fraction is required");
                return null;
        }
    }

    private static double? ReadRatio(Wire.PrunePoint point, string field, ViolationList violations)
    {
        if (!point.HasKeepRatio)
        {
            violations.Add($"{field}.keep_ratio", "is required: the share of visual tokens that stay, 0 to 1");
            return null;
        }

        if (!(point.KeepRatio >= 0 && point.KeepRatio <= 1))
        {
            violations.Add($"{field}.keep_ratio", FormattableString.Invariant($"must be between 0 and 1, was {point.KeepRatio}"));
            return null;
        }

        return point.KeepRatio;
    }

    private static void CheckOrder(List<CheckedPoint> points, string field, ViolationList violations)
    {
        var byLayer = points.Select((point, index) => (point, index)).OrderBy(p => p.point.Layer).ToArray();
        for (var i = 1; i < byLayer.Length; i++)
        {
            var (before, now) = (byLayer[i - 1], byLayer[i]);
            if (before.point.Layer == now.point.Layer)
            {
                violations.Add($"{field}[{now.index}]", $"layer {now.point.Layer} already has {field}[{before.index}]");
            }
            else if (now.point.KeepRatio > before.point.KeepRatio)
            {
                violations.Add(
                    $"{field}[{now.index}].keep_ratio",
                    FormattableString.Invariant($"is {now.point.KeepRatio} at layer {now.point.Layer}, above the {before.point.KeepRatio} at layer {before.point.Layer}; dropped tokens do not come back"));
            }
        }
    }

    private static string Allowed(ModelDescription model) => string.Join(", ", model.PruneLayers);
}
