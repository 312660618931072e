using System.Globalization;

namespace Sgl.Inference;

/// <summary>A device that a stage runs on.</summary>
/// <param name="Kind"><c>cpu</c> or <c>cuda</c>.</param>
/// <param name="Index">Ordinal; for <c>cpu</c> it only tells stages apart.</param>
public readonly record struct DeviceId(string Kind, int Index)
{
    /// <summary>Whether this is a CUDA device.</summary>
    public bool IsCuda => Kind == "cuda";

    /// <inheritdoc/>
    public override string ToString() => Kind == "cpu" && Index == 0 ? Kind : string.Create(CultureInfo.InvariantCulture, $"{Kind}:{Index}");

    /// <summary>Reads <c>cpu</c>, <c>cpu:N</c> or <c>cuda:N</c>.</summary>
    public static bool TryParse(string text, out DeviceId device)
    {
        var parts = text.Trim().Split(':');
        var index = 0;
        var valid = parts.Length <= 2
            && (parts.Length == 1 || (int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index) && index < 1024));
        device = new DeviceId(parts[0], index);
        return valid && parts[0] is "cpu" or "cuda";
    }
}

/// <summary>Consecutive layers on one device.</summary>
/// <param name="First">First layer, 0-based.</param>
/// <param name="Last">Last layer, inclusive.</param>
/// <param name="Device">Device.</param>
public readonly record struct LayerPlacement(int First, int Last, DeviceId Device)
{
    /// <summary>Number of layers.</summary>
    public int Count => Last - First + 1;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First}-{Last}:{Device}");
}

/// <summary>Which layers run where, and where the decoder is cut.</summary>
public static class DevicePlacement
{
    /// <summary>
    /// Reads the placement setting for a decoder of <paramref name="layers"/> layers: one device, <c>cuda*N</c> or <c>cpu*N</c> for equal shares on
    /// devices 0..N-1, or a list of ranges.
    /// </summary>
    /// <exception cref="EngineSettingsException">The text does not cover every layer once, in order, on known devices; the message says what is wrong.</exception>
    public static IReadOnlyList<LayerPlacement> Parse(string placement, int layers)
    {
        if (DeviceId.TryParse(placement, out var single))
        {
            return [new LayerPlacement(0, layers - 1, single)];
        }

        if (placement.Trim().Split('*') is [var kind and ("cpu" or "cuda"), var text]
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var devices))
        {
            return devices >= 1 && devices <= layers
                ? [.. Enumerable.Range(0, devices).Select(d => new LayerPlacement(layers * d / devices, (layers * (d + 1) / devices) - 1, new DeviceId(kind, d)))]
                : throw new EngineSettingsException($"'{placement}' spreads {layers} layers over {devices} devices: use 1 to {layers}");
        }

        var ranges = new List<LayerPlacement>();
        var next = 0;
        foreach (var part in placement.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var colon = part.IndexOf(':', StringComparison.Ordinal);
            var bounds = (colon < 0 ? part : part[..colon]).Split('-');
            if (colon < 0
                || bounds.Length != 2
                || !int.TryParse(bounds[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !int.TryParse(bounds[1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
                || !DeviceId.TryParse(part[(colon + 1)..], out var device))
            {
                throw new EngineSettingsException($"'{part}' is not of the form FIRST-LAST:DEVICE with DEVICE cpu, cpu:N or cuda:N");
            }

            if (first != next || last < first)
            {
                throw new EngineSettingsException($"'{part}' must start at layer {next} and end at or behind it: ranges follow each other without gaps");
            }

            ranges.Add(new LayerPlacement(first, last, device));
            next = last + 1;
        }

        return next == layers
            ? ranges
            : throw new EngineSettingsException($"'{placement}' covers layers 0 to {next - 1}, the checkpoint has layers 0 to {layers - 1}");
    }

    /// <summary>
    /// A placement for a decoder that may have fewer layers than <c>KIND*N</c> asks for shares: then one layer a device. What names its layers stays as
    /// it is. For runs over many checkpoints with one setting; a service's own setting is refused instead, since devices would stay idle.
    /// </summary>
    public static string Fit(string placement, int layers) =>
        placement.Trim().Split('*') is [var kind, var text] && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var devices) && devices > layers
            ? string.Create(CultureInfo.InvariantCulture, $"{kind}*{layers}")
            : placement;

    /// <summary>Cuts placed layers in front of every prune layer: the stages of the decoder.</summary>
    public static IReadOnlyList<LayerPlacement> Cut(IReadOnlyList<LayerPlacement> placement, IEnumerable<int> pruneLayers)
    {
        var cuts = pruneLayers.ToHashSet();
        var stages = new List<LayerPlacement>();
        foreach (var range in placement)
        {
            var first = range.First;
            for (var layer = range.First + 1; layer <= range.Last; layer++)
            {
                if (cuts.Contains(layer))
                {
                    stages.Add(range with { First = first, Last = layer - 1 });
                    first = layer;
                }
            }

            stages.Add(range with { First = first });
        }

        return stages;
    }
}
